"""Annotations of a test set, checked and ready to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from aepose.datasets.annotations import load_annotations
from aepose.datasets.categories import Category, classes_of
from aepose.datasets.values import Id, Notes
from aepose.errors import DataError
from aepose.evaluation.records import Record
from aepose.metainfo import Metainfo

# A person's area as a share of its box, for data sets that give no area.
BOX_SHARE = 0.53
# Nobody's area is so small a share of the box around the keypoints.
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class GroundTruth:
    """The annotations of a keypoint file, ready to be compared with.

    images: as in the file; categories: those that are the people; people: their annotations,
    numbered from 1, with ``area`` in square pixels and ``iscrowd``
    classes: the index of the class of each category
    """

    images: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    people: list[Record]
    classes: dict[Id, int]

    @property
    def category_ids(self) -> list[Id]:
        """The category that result records of each class get."""
        first = {index: category for category, index in reversed(self.classes.items())}
        return [first[index] for index in sorted(first)]

    def of_class(self, records: Sequence[Record], index: int) -> list[Record]:
        """Return the people, annotated or found, of a class."""
        return [record for record in records if self.classes[record["category_id"]] == index]

    @property
    def annotated(self) -> bool:
        """Whether there is anything to compare with; test sets may keep their answers back."""
        return bool(self.people)

    @cached_property
    def image_numbers(self) -> dict[Id, int]:
        """A number from 1 for the id of each image, in the order of the ids.

        Evaluators go by such numbers: not all of them take texts and large numbers.
        """
        ids = sorted(image["id"] for image in self.images)
        return {image: number for number, image in enumerate(ids, start=1)}


def load_ground_truth(ann_file: str | PathLike[str], metainfo: Metainfo, use_area: bool = True,
                      needed: Sequence[str] = (), category: Category = None) -> GroundTruth:
    """Return the annotations of a COCO-format keypoint file.

    use_area: take each person's area from the file, and where it gives none 0.53 of the box;
        False: take 0.53 of the box for all
    needed: more fields that every annotation must have
    category: ids or names of the categories that are meant, where the file leaves a choice

    An annotation without ``iscrowd`` is no crowd. Raises DataError for all that
    ``load_annotations`` refuses, for a file without a category and for an annotation without what
    the evaluation needs.
    """
    notes = Notes(Path(ann_file))
    data = load_annotations(ann_file, metainfo, category, images_alone=True, notes=notes)
    if not data["categories"]:
        raise DataError(f"{ann_file}: 'categories' is empty; evaluation needs the category of the "
                        "people")
    classes = classes_of(data["categories"], metainfo)
    pixels = {image["id"]: image["width"] * image["height"] for image in data["images"]}
    people = []
    for number, annotation in enumerate(data["annotations"], start=1):
        for key in ("bbox", *needed):
            if annotation.get(key) is None:
                raise DataError(f"{ann_file}: annotation {annotation['id']!r} has no '{key}'; "
                                "evaluation needs it, add it to the file")
        area = _area(annotation, pixels[annotation["image_id"]], use_area,
                     metainfo.classes[classes[annotation["category_id"]]].metainfo, notes)
        people.append({**annotation, "id": number, "area": area,
                       "iscrowd": annotation.get("iscrowd", 0)})
    notes.say()
    return GroundTruth(data["images"], data["categories"], people, classes)


def _area(annotation: Record, most: int, use_area: bool, metainfo: Metainfo,
          notes: Notes) -> float:
    """Return a person's area, and note one that cannot be true; ``most``: the picture's."""
    area, advice = annotation.get("area"), "use_area=False takes it from the boxes"
    if not use_area or area is None:
        box, advice = annotation["bbox"], "it comes from the boxes, correct them"
        if use_area:
            notes.count(f"without area: computed as {BOX_SHARE} of the box", annotation["id"])
        area = box[2] * box[3] * BOX_SHARE
    extent = None
    for field, _ in metainfo.annotation_fields:
        values = annotation[field]
        shown = [k for k, v in enumerate(values[2::3]) if v > 0]
        if shown:
            x, y = ([values[3 * k + axis] for k in shown] for axis in (0, 1))
            extent = max(extent or 1.0, (max(x) - min(x)) * (max(y) - min(y)))
    if extent is not None and area < _LEAST_SHARE * extent:
        notes.count("with labelled keypoints and an area too small to be true, so that hardly any "
                    f"pose can be right: {advice}", annotation["id"])
    elif extent is not None and area > most:
        notes.count("with an area larger than the picture, so that wrong poses count as right: "
                    f"{advice}", annotation["id"])
    return area
