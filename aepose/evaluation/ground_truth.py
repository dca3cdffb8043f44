"""Annotations of a test set, checked and ready to be compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from aepose.datasets.annotations import load_annotations
from aepose.errors import DataError
from aepose.evaluation.records import Record
from aepose.metainfo import Metainfo

# A person's area as a share of its box, for data sets that give no area.
BOX_SHARE = 0.53


@dataclass(frozen=True)
class GroundTruth:
    """The annotations of a keypoint file, ready to be compared with.

    images, categories: as in the file; people: its annotations, numbered from 1, with ``area`` in
    square pixels and ``iscrowd``
    """

    images: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    people: list[Record]

    @property
    def category_id(self) -> int:
        """The category that result records get."""
        return self.categories[0]["id"]

    @property
    def annotated(self) -> bool:
        """Whether there is anything to compare with; test sets may keep their answers back."""
        return bool(self.people)


def load_ground_truth(ann_file: str | PathLike[str], metainfo: Metainfo, use_area: bool = True,
                      needed: Sequence[str] = ()) -> GroundTruth:
    """Return the annotations of a COCO-format keypoint file.

    use_area: take each person's area from the file; False: take 0.53 of its box
    needed: more fields that every annotation must have

    An annotation without ``iscrowd`` is no crowd. Raises DataError for all that
    ``load_annotations`` refuses, for a file without a category and for an annotation without what
    the evaluation needs.
    """
    data = load_annotations(ann_file, metainfo.annotation_fields, images_alone=True)
    if not data["categories"]:
        raise DataError(f"{ann_file}: 'categories' is empty; evaluation needs the category of the "
                        "people")
    keys = ("bbox", "category_id", *(("area",) if use_area else ()), *needed)
    people = []
    for number, annotation in enumerate(data["annotations"], start=1):
        where = f"{ann_file}: annotation {annotation['id']}"
        _check_person(annotation, keys, where)
        area = annotation["area"] if use_area else _box_area(annotation["bbox"])
        people.append({**annotation, "id": number, "area": area,
                       "iscrowd": annotation.get("iscrowd", 0)})
    return GroundTruth(data["images"], data["categories"], people)


def _check_person(annotation: Record, keys: Sequence[str], where: str) -> None:
    for key in keys:
        if key not in annotation:
            hint = (" (or evaluate with use_area=False, which takes it from the box)"
                    if key == "area" else "")
            raise DataError(f"{where} has no '{key}'; evaluation needs it, add it to the file"
                            + hint)
    box = annotation["bbox"]
    if not isinstance(box, list) or len(box) != 4 or not all(_is_number(v) for v in box):
        raise DataError(f"{where}: 'bbox' is {box!r}; it must be 4 numbers x, y, width, height")
    if "area" in keys and not _is_number(annotation["area"]):
        raise DataError(f"{where}: 'area' is {annotation['area']!r}; it must be a number")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _box_area(box: Sequence[float]) -> float:
    return box[2] * box[3] * BOX_SHARE
