"""What a new project begins with: labels, their keypoints, and where their pictures lie."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.annotations import all_keypoints, load_annotations
from aepose.datasets.categories import (
    Category,
    check_categories,
    classes_of,
    find_category,
)
from aepose.datasets.values import Id, Notes, shown
from aepose.errors import ConfigError, DataError
from aepose.files import read_json
from aepose.labels import read_labels, write_labels
from aepose.labels.content import checked_pairs
from aepose.labels.pictures import likely_folders
from aepose.metainfo import Metainfo
from aepose.metainfo.pairs import plain_name


@dataclass(frozen=True)
class KeypointList:
    """What an annotation file says of the keypoints of a category, or of several with the same.

    names: none where it lists none; limbs: of its skeleton, and flip_pairs: pairs of names
    category: the name, or else the id, of each category that lists these
    class_name: of its creatures, where there are others: as the first category is called
    """

    names: tuple[str, ...] = ()
    limbs: tuple[tuple[str, str], ...] = ()
    category: tuple[Id, ...] = ()
    flip_pairs: tuple[tuple[str, str], ...] = ()
    class_name: str = ""

    def named(self, names: Sequence[str]) -> KeypointList:
        """Return it with other names, and those limbs and pairs that are of them."""
        limbs, flip_pairs = (tuple(pair for pair in pairs if set(pair) <= set(names))
                             for pairs in (self.limbs, self.flip_pairs))
        return replace(self, names=tuple(names), limbs=limbs, flip_pairs=flip_pairs)


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


def list_keypoints(path: str | Path, category: Category = None) -> list[KeypointList]:
    """Return the different lists of keypoints of a COCO-format annotation file's categories.

    category: ids or names of those that are meant; None takes all that list some

    One without names stands for a file that has none. Raises DataError if its categories cannot be
    read, do not have one that is meant, or have one name for different lists, and ConfigError for
    categories by class, which only a keypoint set has.
    """
    if isinstance(category, Mapping):
        raise ConfigError(f"category = {category!r} is by class: give a metainfo file with these "
                          "classes, too, or the names of categories alone")
    content = read_json(path, "annotation file")
    entries = content.get("categories") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise DataError(f"{path}: 'categories' is missing; a COCO annotation file is an object "
                        "with 'images', 'annotations', 'categories'")
    known = check_categories(entries, Path(path), Notes(path))
    given = [category] if isinstance(category, (str, int)) else category or ()
    meant = [find_category(wanted, known, Path(path)) for wanted in given] or known.values()
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for entry in meant:
        if entry.get("keypoints"):
            alike.setdefault(tuple(entry["keypoints"]), []).append(entry)
    called = Counter(entry.get("name") for entry in known.values())
    lists = [KeypointList(
        names, _limbs(some[0].get("skeleton"), names),
        tuple(e["name"] if e.get("name") and called[e["name"]] == 1 else e["id"] for e in some),
        _flip_pairs(some[0], path), str(some[0].get("name") or some[0]["id"])).named(names)
        for names, some in alike.items()]
    _check_class_names(lists, path)
    return lists or [KeypointList(category=tuple(given))]


def categories_of(lists: Sequence[KeypointList]) -> Category:
    """Return which categories have the keypoints of these lists, by class if they are several."""
    if len(lists) > 1:
        return {one.class_name: list(one.category) for one in lists}
    return list(lists[0].category) or None


def _check_class_names(lists: Sequence[KeypointList], path: str | Path) -> None:
    """Refuse names that the categories of a project could not be told by."""
    owners: dict[str, str] = {}
    for name in (one.class_name for one in lists):
        if plain_name(name) in owners:
            raise DataError(f"{path}: the categories {owners[plain_name(name)]!r} and {name!r} "
                            "list different keypoints, but their names are the same or nearly so; "
                            "give them others, or say with --category which is meant, by its id")
        owners[plain_name(name)] = name


def _flip_pairs(entry: dict[str, Any], path: str | Path) -> tuple[tuple[str, str], ...]:
    where = f"{path}: 'flip_pairs' of category {shown(entry['id'])}"
    return tuple((a, b) for a, b in checked_pairs(entry.get("flip_pairs"), where))


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


def load_people(path: str | Path, metainfo: Metainfo, category: Category
                ) -> tuple[dict[str, Any], np.ndarray]:
    """Return the content of an annotation file, checked, and its people's (P, K, 3) keypoints."""
    data = load_annotations(path, metainfo, category)
    joints = all_keypoints([a for a in data["annotations"] if not a.get("iscrowd", 0)],
                           classes_of(data["categories"], metainfo), metainfo)
    return data, joints[(joints[..., 2] > 0).any(axis=1)]


def find_pictures(path: str | Path, images: Sequence[dict[str, Any]], folder: str | None) -> Path:
    """Return the folder that the pictures of an annotation file lie in.

    folder: given by the user; otherwise it is looked for, see
        :func:`~aepose.labels.pictures.likely_folders`

    Raises DataError that says where was looked if none of them is there, and which folders there
    are to choose from.
    """
    path = Path(path)
    folders = likely_folders(path, images) if folder is None else [
        Path(folder)] if any(os.path.isfile(Path(folder, i["file_name"])) for i in images) else []
    if len(folders) == 1:
        return folders[0].resolve()
    if folders:
        raise DataError(f"{path}: {' and '.join(map(str, folders))} have pictures of these names; "
                        "give the folder of the right ones with --images")
    first = f", such as {images[0]['file_name']}," if images else ""
    own = path.resolve().parent
    raise DataError(f"{path}: none of its pictures{first} is in "
                    + (folder or f"{own}, {own.parent} and the folders in them")
                    + "; give their folder with --images")
