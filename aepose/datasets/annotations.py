"""Read COCO-format annotation files, and say clearly what is wrong with one.

Training and evaluation read through this one function, so a bad file is refused with the same
words whichever comes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from aepose.errors import DataError
from aepose.files import read_json

_SECTIONS = ("images", "annotations", "categories")
_IMAGE_FIELDS = ("id", "file_name", "width", "height")


Fields = Sequence[tuple[str, int]]


def load_annotations(
    path: str | PathLike[str], fields: Fields, images_alone: bool = False
) -> dict[str, Any]:
    """Return the content of a COCO-format keypoint file (.json or .json.gz), checked.

    fields: the metainfo's ``annotation_fields``; each annotation must have each of these fields,
        with 3 finite numbers x, y, visibility per keypoint (pixels of the picture)
    images_alone: take a file without 'annotations', as test servers give out, for one in which
        nobody is annotated

    Empty lists, crowds and people without a labelled keypoint are normal data.

    Raises DataError that names the file, and where there is one the annotation, for: a missing
    file, not JSON, a missing section, an image or annotation without a needed field, two images
    with one id, an annotation of an unknown image, a field that is not 3 numbers per keypoint.
    """
    path = Path(path)
    data = read_json(path, "annotation file",
                     "; check ann_file and the data root in the config")
    if images_alone and isinstance(data, dict):
        data.setdefault("annotations", [])
    _check_sections(data, path)
    image_ids = _check_images(data["images"], path)
    for index, annotation in enumerate(data["annotations"]):
        where = f"{path}: annotation {annotation.get('id', f'number {index}')}"
        _check_annotation(annotation, image_ids, where)
        for name, count in fields:
            _check_keypoints(annotation, name, count, where)
    return data


def by_image(
    images: Iterable[dict[str, Any]], records: Iterable[dict[str, Any]]
) -> dict[Any, list[dict[str, Any]]]:
    """Return the annotations or results of each image by its id; none for an image without any."""
    people: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in images}
    for record in records:
        people[record["image_id"]].append(record)
    return people


def with_images(data: dict[str, Any], images: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the part of an annotation file's content that belongs to some of its images."""
    kept = {image["id"] for image in images}
    people = [a for a in data["annotations"] if a["image_id"] in kept]
    return {**data, "images": images, "annotations": people}


def join_fields(annotation: dict[str, Any], names: Iterable[str]) -> list[float]:
    """Return the numbers x, y, visibility of the keypoints in these fields, one after another."""
    return [value for name in names for value in annotation[name]]


def _check_sections(data: Any, path: Path) -> None:
    for key in _SECTIONS:
        if not isinstance(data, dict) or key not in data:
            raise DataError(f"{path}: '{key}' is missing; a COCO annotation file is an object with "
                            + ", ".join(f"'{name}'" for name in _SECTIONS))
        entries = data[key]
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise DataError(f"{path}: '{key}' must be a list of objects")


def _check_images(images: list[dict[str, Any]], path: Path) -> set[Any]:
    """Return the ids of the images."""
    ids = set()
    for index, image in enumerate(images):
        for key in _IMAGE_FIELDS:
            if key not in image:
                raise DataError(f"{path}: image {image.get('id', f'number {index}')} has no "
                                f"'{key}'; each image needs " + ", ".join(_IMAGE_FIELDS))
        if image["id"] in ids:
            raise DataError(f"{path}: two images have the id {image['id']}; ids must be unique")
        ids.add(image["id"])
    return ids


def _check_annotation(annotation: dict[str, Any], image_ids: set[Any], where: str) -> None:
    for key in ("id", "image_id"):
        if key not in annotation:
            raise DataError(f"{where} has no '{key}'; add it to the file")
    if annotation["image_id"] not in image_ids:
        raise DataError(f"{where} belongs to image {annotation['image_id']}, which is not among "
                        "'images'; remove the annotation or add the image")


def _check_keypoints(annotation: dict[str, Any], name: str, count: int, where: str) -> None:
    if name not in annotation:
        kind = ("this looks like a detection-only file: use the keypoint annotations, such as "
                "person_keypoints_*.json" if name == "keypoints" else
                "use annotations with all the fields of the config's metainfo, such as "
                "coco_wholebody_*.json")
        raise DataError(f"{where} has no '{name}' (expected {count} of them); {kind}")
    if not _is_numbers(annotation[name], 3 * count):
        raise DataError(f"{where}: '{name}' must be {3 * count} numbers (x, y, visibility of "
                        f"{count} keypoints), got {_describe(annotation[name])}; does the "
                        "config's metainfo belong to this data set?")


def _is_numbers(values: Any, length: int) -> bool:
    """Return whether ``values`` is a list of that many finite numbers."""
    try:
        # Text, null and nested lists cannot be summed and a NaN survives it: one fast check.
        return isinstance(values, list) and len(values) == length and math.isfinite(sum(values))
    except TypeError:
        return False


def _describe(values: Any) -> str:
    if not isinstance(values, list):
        return f"{type(values).__name__} {values!r}"[:60]
    bad = [v for v in values if not isinstance(v, (int, float)) or not math.isfinite(v)]
    return f"{len(values)} values" + (f", among them {bad[0]!r}" if bad else "")
