"""What a new project begins with: labels, their keypoints, and where their pictures lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.annotations import join_fields, load_annotations
from aepose.errors import DataError
from aepose.files import read_json
from aepose.labels import read_labels, write_labels
from aepose.metainfo import Metainfo

_TRIED = 20  # pictures that are looked for


@dataclass(frozen=True)
class KeypointList:
    """What an annotation file says of its keypoints.

    names: none where it lists none; limbs: of its skeleton, and flip_pairs: pairs of names
    category: the name or id of each category that lists these
    """

    names: tuple[str, ...] = ()
    limbs: tuple[tuple[str, str], ...] = ()
    category: tuple[Any, ...] = ()
    flip_pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Source:
    """A file in COCO's format, the folder of its pictures if it is known, and what was done."""

    path: str
    images: str | None
    told: tuple[str, ...] = ()


def as_coco(source: str, images: str | None, target: Path) -> Source:
    """Return labels of any program in COCO's format.

    source: a file in COCO's format, which is taken as it is; or labels of another program, which
        are written to ``target``, and frames of films as pictures beside it
    images: a folder in which to look for the pictures
    """
    if source.lower().endswith((".json", ".json.gz")) and isinstance(
            read_json(source, "annotation file"), dict):
        return Source(source, images)
    labels = write_labels(read_labels(source, images=images), target, "coco")
    return Source(str(target), str(labels.folder), (
        f"{target}: labels of {source}", labels.report.table()))


def list_keypoints(path: str | Path, category: Sequence[str] | None = None) -> KeypointList:
    """Return the keypoints that the categories of a COCO-format annotation file list.

    category: ids or names of those that are meant; None takes all that list some

    Raises DataError if it cannot be read, and if the categories list different keypoints.
    """
    content = read_json(path, "annotation file")
    entries = content.get("categories") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise DataError(f"{path}: 'categories' is missing; a COCO annotation file is an object "
                        "with 'images', 'annotations', 'categories'")
    wanted = None if category is None else {str(part) for part in category}
    listing = [entry for entry in entries if _lists(entry) and (
        wanted is None or {str(entry.get("id")), str(entry.get("name"))} & wanted)]
    if not listing:
        return KeypointList(category=tuple(category or ()))
    names = listing[0]["keypoints"]
    for entry in listing[1:]:
        if entry["keypoints"] != names:
            known = ", ".join(repr(e.get("name", e.get("id"))) for e in listing)
            raise DataError(f"{path}: the categories {known} list different keypoints; say with "
                            "--category which one is meant")
    return KeypointList(tuple(names), _limbs(listing[0].get("skeleton"), names),
                        tuple(entry.get("name") or entry.get("id") for entry in listing),
                        tuple(map(tuple, listing[0].get("flip_pairs") or ())))


def _lists(entry: dict[str, Any]) -> bool:
    """Return whether a category lists names; some exporters call all keypoints alike."""
    names = entry.get("keypoints")
    return isinstance(names, list) and bool(names) and all(
        isinstance(name, str) for name in names) and (len(names) == 1 or len(set(names)) > 1)


def _limbs(skeleton: Any, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the limbs of a category; nothing where they are no pairs of places in ``names``.

    COCO counts from 1, some exporters from 0.
    """
    if not isinstance(skeleton, list) or not all(
            isinstance(limb, list) and len(limb) == 2 and {type(end) for end in limb} == {int}
            for limb in skeleton):
        return ()
    first = 0 if any(0 in limb for limb in skeleton) else 1
    if not all(0 <= end - first < len(names) for limb in skeleton for end in limb):
        return ()
    return tuple((names[a - first], names[b - first]) for a, b in skeleton if a != b)


def load_people(path: str | Path, metainfo: Metainfo, category: Sequence[Any]
                ) -> tuple[dict[str, Any], np.ndarray]:
    """Return the content of an annotation file, checked, and its people's (P, K, 3) keypoints."""
    data = load_annotations(path, metainfo, list(category) or None)
    names = [name for name, _ in metainfo.annotation_fields]
    joints = np.array([join_fields(person, names) for person in data["annotations"]
                       if not person.get("iscrowd", 0)], float)
    joints = joints.reshape(-1, metainfo.num_keypoints, 3)
    return data, joints[(joints[..., 2] > 0).any(axis=1)]


def find_pictures(path: str | Path, images: Sequence[dict[str, Any]], folder: str | None) -> Path:
    """Return the folder that the pictures of an annotation file lie in.

    folder: given by the user; otherwise it is looked for beside the file and in the folder above
        it, and in the folders there

    Raises DataError that says where was looked, if none of them is there.
    """
    homes = [Path(folder)] if folder else [Path(path).parent, Path(path).parent.parent]
    places = homes if folder else homes + [
        place for home in homes for place in sorted(home.resolve().glob("*/"))]
    tried = [image["file_name"] for image in images[::max(1, len(images) // _TRIED)]]
    found = {place: sum(os.path.isfile(place / name) for name in tried) for place in places}
    best = max(found, key=found.__getitem__)
    if not found[best]:
        first = f", such as {tried[0]}," if tried else ""
        where = folder or f"{homes[0].resolve()}, {homes[1].resolve()} and the folders in them"
        raise DataError(f"{path}: none of its pictures{first} is in {where}; give their folder "
                        "with --images")
    return best.resolve()
