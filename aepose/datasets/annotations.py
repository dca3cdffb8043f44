"""Read COCO-format annotation files, and say clearly what is wrong with one.

Training, testing, evaluating and analysing read through this one place, so a bad file is refused
with the same words whichever comes first, and before the first picture. What is harmless is taken,
and counted in one line. ``docs/data.md`` lists field by field what is read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.categories import Category, Placing, select_people
from aepose.datasets.regions import FARTHEST, check_region, farthest
from aepose.datasets.values import (
    ID_LIMIT,
    LARGEST,
    Id,
    Notes,
    are_numbers,
    check_one_kind,
    checked_id,
    describe,
    is_number,
    shown,
)
from aepose.errors import DataError
from aepose.files import read_json
from aepose.metainfo import Metainfo

_SECTIONS = ("images", "annotations", "categories")
_IMAGE_FIELDS = ("id", "file_name", "width", "height")
_LONGEST_SIDE = 10**6  # pixels
_MOST_VISIBLE = 2
_LARGEST_FLOAT = sys.float_info.max


def load_annotations(
    path: str | PathLike[str], metainfo: Metainfo, category: Category = None,
    images_alone: bool = False, notes: Notes | None = None,
) -> dict[str, Any]:
    """Return the content of a COCO-format keypoint file (.json or .json.gz), checked.

    metainfo: gives the fields with keypoints that annotations must have, each with 3 numbers x, y,
        visibility per keypoint (pixels of the picture), and their names; of several classes, those
        of the annotation's class
    category: ids or names of the categories that are meant, where the file leaves a choice; see
        :func:`~aepose.datasets.categories.select_people`
    images_alone: take a file without 'annotations', as test servers give out, for one in which
        nobody is annotated
    notes: counts what was taken although it is not as it should be; without it, that is said here

    Of ``categories`` and ``annotations`` only those of the people are left, and keypoints stand in
    the order of the metainfo. Empty lists, crowds and people without a labelled keypoint are normal
    data. Raises DataError that names the file, and where there is one the entry, the key and the
    value, for everything that cannot be read as meant.
    """
    data = read_json(path, "annotation file",
                     "; check ann_file and the data root in the config")
    return check_annotations(data, Path(path), metainfo, category, images_alone, notes)


def check_annotations(
    data: Any, path: Path, metainfo: Metainfo, category: Category = None,
    images_alone: bool = False, notes: Notes | None = None,
) -> dict[str, Any]:
    """Check the content of a COCO-format keypoint file, which is changed; return it.

    As :func:`load_annotations`, which reads it from ``path``.
    """
    if images_alone and isinstance(data, dict):
        data.setdefault("annotations", [])
    _check_sections(data, path)
    found = Notes(path) if notes is None else notes
    sizes = _check_images(data["images"], path)
    _check_annotation_ids(data["annotations"], sizes, path, found)
    places = select_people(data, metainfo, category, path, found)
    _check_fields(data["annotations"], places, metainfo, path)
    counting = [_check_annotation(annotation, sizes[annotation["image_id"]],
                                  places[annotation["category_id"]], path, found)
                for annotation in data["annotations"]]
    if counting and not any(counting):
        found.add(f"none of {len(counting)} annotations is a person with a labelled keypoint "
                  "(visibility above 0, iscrowd 0): there is nothing to learn or to measure")
    if notes is None:
        found.say()
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


def all_keypoints(people: Sequence[dict[str, Any]], classes: Mapping[Id, int],
                  metainfo: Metainfo) -> np.ndarray:
    """Return the keypoints of annotations as (P, K, 3) float64: x, y, visibility.

    classes: of the categories, see :func:`~aepose.datasets.categories.classes_of`

    Those of other classes are 0.
    """
    ids = [classes[person["category_id"]] for person in people]
    names = [[name for name, _ in one.metainfo.annotation_fields] for one in metainfo.classes]
    return metainfo.spread([join_fields(person, names[index])
                            for person, index in zip(people, ids, strict=True)], ids, float, (3,))


def _name(entry: dict[str, Any], number: int) -> str:
    """Return the id of an entry for a message, or where it stands."""
    return shown(entry["id"]) if "id" in entry else f"number {number}"


def _check_sections(data: Any, path: Path) -> None:
    for key in _SECTIONS:
        if not isinstance(data, dict) or key not in data:
            raise DataError(f"{path}: '{key}' is missing; a COCO annotation file is an object with "
                            + ", ".join(f"'{name}'" for name in _SECTIONS))
        entries = data[key]
        if not isinstance(entries, list) or not {dict}.issuperset(map(type, entries)):
            raise DataError(f"{path}: '{key}' must be a list of objects")


def _check_images(images: list[dict[str, Any]], path: Path) -> dict[Id, tuple[int, int]]:
    """Return the (W, H) of the images by id."""
    sizes: dict[Id, tuple[int, int]] = {}
    for number, image in enumerate(images):
        where = f"{path}: image {_name(image, number)}"
        for key in _IMAGE_FIELDS:
            if key not in image:
                raise DataError(f"{where} has no '{key}'; each image needs "
                                + ", ".join(_IMAGE_FIELDS))
        name = image["id"] = checked_id(image["id"], "id", where)
        if name in sizes:
            raise DataError(f"{path}: two images have the id {name!r}; ids must be unique")
        if not isinstance(image["file_name"], str) or not image["file_name"]:
            raise DataError(f"{where}: 'file_name' is {shown(image['file_name'])}; it must be the "
                            "name of a picture")
        for key in ("width", "height"):
            if not is_number(image[key], 1, _LONGEST_SIDE) or image[key] % 1:
                raise DataError(f"{where}: '{key}' is {shown(image[key])}; it must be a whole "
                                f"number of pixels from 1 to {_LONGEST_SIDE}")
            image[key] = int(image[key])
        sizes[name] = image["width"], image["height"]
    check_one_kind(sizes, "ids of images", path)
    return sizes


def _check_annotation_ids(annotations: list[dict[str, Any]], sizes: dict[Id, tuple[int, int]],
                          path: Path, notes: Notes) -> None:
    ids = set()
    for number, annotation in enumerate(annotations):
        for key in ("id", "image_id"):
            value = annotation.get(key)
            if type(value) is not int or not -ID_LIMIT <= value < ID_LIMIT:
                where = f"{path}: annotation {_name(annotation, number)}"
                if key not in annotation:
                    raise DataError(f"{where} has no '{key}'; add it to the file")
                annotation[key] = checked_id(value, key, where)
        name, image = annotation["id"], annotation["image_id"]
        if image not in sizes:
            other = str(image) if type(image) is int else (
                int(image) if image.isdecimal() and len(image) < 20 else None)
            raise DataError(f"{path}: annotation {name!r} belongs to image {image!r}, which is not "
                            "among 'images'; " + (
                                f"write it as there, {other!r}" if other in sizes else
                                "remove the annotation or add the image"))
        if name in ids:
            notes.count("with the id of an earlier one", name)
        ids.add(name)
    check_one_kind(ids, "ids of annotations", path)


def _check_fields(annotations: list[dict[str, Any]], places: Mapping[Id, Placing],
                  metainfo: Metainfo, path: Path) -> None:
    """Refuse a file in which no annotation of a class has a field that keypoints are read from."""
    for index, one in enumerate(metainfo.classes):
        people = [a for a in annotations if places[a["category_id"]].index == index]
        whose = "annotations" if len(people) == len(annotations) else f"annotations of {one.name!r}"
        for name, count in one.metainfo.annotation_fields:
            if people and all(person.get(name) is None for person in people):
                advice = ("this looks like a detection-only file: use the keypoint annotations, "
                          "such as person_keypoints_*.json" if name == "keypoints" else
                          "use annotations with all the fields of the config's metainfo, such as "
                          "coco_wholebody_*.json")
                raise DataError(f"{path}: none of {len(people)} {whose} has '{name}' ({count} "
                                f"keypoints); {advice}")


def _check_annotation(annotation: dict[str, Any], size: tuple[int, int], placing: Placing,
                      path: Path, notes: Notes) -> bool:
    """Check one annotation of the people, and put what may be written in several ways into one.

    Returns whether it is a person with a labelled keypoint.
    """
    name = annotation["id"]
    labelled = 0
    order = placing.order
    for field, count in placing.pose_class.metainfo.annotation_fields:
        values = annotation.get(field)
        if not values and (values is None or values == []):
            why = "" if values is None else " (CVAT writes such for empty tracks)"
            notes.count(f"{'without' if values is None else 'with empty'} '{field}': taken for "
                        f"people without labelled {field}{why}", name)
            annotation[field] = [0] * (3 * count)
            continue
        if not are_numbers(values, 3 * count, farthest(size), flags=True):
            _refuse_keypoints(values, field, count, size, f"{path}: annotation {name!r}")
        visibility = values[2::3]
        most = max(visibility)
        if most > _MOST_VISIBLE:
            raise DataError(
                f"{path}: annotation {name!r}: '{field}' has the visibility {most}; it is 0 for "
                "not labelled, 1 for hidden, 2 for visible. AI Challenger's own files say 3 for "
                "not labelled: write 0, 0, 0 for such a keypoint")
        if most > 0:
            if order is not None and field == "keypoints":
                annotation[field] = [v for k in order for v in values[3 * k : 3 * k + 3]]
            labelled += sum(v > 0 for v in visibility)
            _note_places(values, notes, name)
    crowd = annotation.get("iscrowd", 0)
    if crowd is None:
        notes.count("with iscrowd null: taken for no crowd", name)
        annotation["iscrowd"] = crowd = 0
    elif crowd != 0 or type(crowd) is not int:
        if type(crowd) not in (int, bool, float) or crowd not in (0, 1):
            raise DataError(f"{path}: annotation {name!r}: 'iscrowd' is {shown(crowd)}; it must be "
                            "0 or 1")
        annotation["iscrowd"] = crowd = int(crowd)
    _check_count(annotation, labelled, path, notes)
    _check_size(annotation, size, path)
    if (crowd or not labelled) and (region := annotation.get("segmentation")):
        check_region(region, size, f"{path}: the segmentation of annotation {name!r}")
    if crowd and labelled:
        notes.count("with iscrowd 1 and labelled keypoints: evaluation does not count them, and "
                    "training leaves out their segmentation", name)
    return bool(labelled and not crowd)


def _note_places(values: list[float], notes: Notes, name: Id) -> None:
    """Note labelled keypoints, some of which there are, where hardly any can be."""
    if 0 not in values and max(values) > _MOST_VISIBLE:
        return
    places = [(x, y) for x, y, v in zip(values[::3], values[1::3], values[2::3], strict=True)
              if v > 0]
    if (0, 0) in places:
        notes.count("with labelled keypoints at 0, 0: taken as they are; visibility is 0 where a "
                    "keypoint is not labelled", name)
    elif len(places) > 1 and all(0 <= part <= 1 for place in places for part in place):
        notes.count("with all labelled keypoints within one pixel: taken as they are; x and y are "
                    "pixels, not shares of the picture", name)


def _refuse_keypoints(values: Any, field: str, count: int, size: tuple[int, int],
                      where: str) -> None:
    limit = farthest(size)
    if are_numbers(values, 3 * count, _LARGEST_FLOAT, flags=True):
        far = next(v for v in values if not -limit <= v <= limit)
        raise DataError(f"{where}: '{field}' has {shown(far)}, more than {FARTHEST} times the "
                        f"sides of its picture ({size[0]}x{size[1]}) away; correct it, or write "
                        "0, 0, 0 for a keypoint that is not labelled")
    raise DataError(f"{where}: '{field}' must be {3 * count} numbers (x, y, visibility of "
                    f"{count} keypoints), got {describe(values, _LARGEST_FLOAT, flags=True)}; does "
                    "the config's metainfo belong to this data set?")


def _check_count(annotation: dict[str, Any], labelled: int, path: Path, notes: Notes) -> None:
    """Check ``num_keypoints``; what is labelled is seen from the keypoints."""
    given = annotation.get("num_keypoints", labelled)
    if given is None or (not given and labelled and is_number(given)):
        if labelled:
            text = "beside labelled keypoints: the keypoints are counted"
            notes.count(f"with num_keypoints null {text}" if given is None else
                        f"with num_keypoints 0 {text} (not by CrowdPose's metric, which goes by "
                        "this number)", annotation["id"])
        annotation["num_keypoints"] = labelled if given is None else 0
    elif not is_number(given, 0) or given % 1:
        raise DataError(f"{path}: annotation {annotation['id']!r}: 'num_keypoints' is "
                        f"{shown(given)}; it must be a whole number from 0")


def _check_size(annotation: dict[str, Any], size: tuple[int, int], path: Path) -> None:
    """Check ``bbox`` and ``area`` where they are given."""
    box, area = annotation.get("bbox"), annotation.get("area")
    if box is not None and not are_numbers(box, 4, farthest(size)):
        raise DataError(f"{path}: annotation {annotation['id']!r}: 'bbox' is {shown(box)}; it must "
                        f"be 4 numbers x, y, width, height, at most {FARTHEST} times the sides of "
                        f"its picture ({size[0]}x{size[1]})")
    if area is not None and not is_number(area, 0, LARGEST**2):
        raise DataError(f"{path}: annotation {annotation['id']!r}: 'area' is {shown(area)}; it "
                        "must be a number of square pixels from 0")
