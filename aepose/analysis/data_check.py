"""Whether annotations are as they were meant, and enough: counts, boxes, people twice, sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from aepose.analysis.enough import check_numbers, check_size
from aepose.analysis.findings import Finding, about
from aepose.analysis.picture_check import check_pictures
from aepose.analysis.sides import check_sides, check_turn
from aepose.datasets import CocoKeypoints
from aepose.datasets.annotations import all_keypoints, by_image, load_annotations
from aepose.datasets.categories import classes_of
from aepose.datasets.values import Notes
from aepose.evaluation.backends import MAX_DETECTIONS
from aepose.metainfo import Metainfo
from aepose.tables import counted

# If so many boxes reach beyond their pictures, they are corners, not sizes.
_MANY = 0.2
_MARGIN = 0.1  # of a box's sides, within which keypoints may lie outside of it


def check_dataset(dataset: CocoKeypoints, metainfo: Metainfo) -> list[Finding]:
    """Return what was found of a data set that could be built: its annotations and pictures."""
    data = load_annotations(dataset.ann_file, metainfo, dataset.category, dataset.test_mode,
                            Notes(dataset.ann_file))  # said when the data set was built
    images = data["images"]
    people = [a for a in data["annotations"] if not a.get("iscrowd", 0)]
    keypoints = all_keypoints(people, classes_of(data["categories"], metainfo), metainfo)
    sizes = {image["id"]: (image["width"], image["height"]) for image in images}
    names = [person["id"] for person in people]
    extent = np.array([sizes[person["image_id"]] for person in people], float).reshape(-1, 2)
    return [
        _summary(data, people, keypoints, metainfo),
        *_numbers_of_people(data, dataset),
        *_keypoint_counts(keypoints, metainfo),
        *check_numbers(keypoints, metainfo, dataset.test_mode),
        *(check_size(keypoints, extent, dataset.codec, max(dataset.scales))
          if dataset.test_mode else ()),
        *_twice(images, people, keypoints),
        *_places(people, keypoints, extent),
        *_boxes(people, keypoints, extent),
        *(finding for one in metainfo.classes for finding in (
            *check_sides(keypoints[:, one.keypoints], one.metainfo),
            *check_turn(keypoints[:, one.keypoints], names, one.metainfo))),
        *check_pictures(images, dataset),
    ]


def _summary(data: dict[str, Any], people: list[dict[str, Any]], keypoints: np.ndarray,
             metainfo: Metainfo) -> Finding:
    classes = classes_of(data["categories"], metainfo)
    each = metainfo.count(classes[person["category_id"]] for person in people)
    labelled = int((keypoints[..., 2] > 0).any(axis=1).sum())
    most = max(map(len, by_image(data["images"], data["annotations"]).values()), default=0)
    text = ", ".join((counted(len(data["images"]), "picture"), each,
                      f"{labelled} with keypoints",
                      counted(len(data["annotations"]) - len(people), "crowd")))
    return Finding("ok" if labelled else "warning", f"{text}; at most {most} in a picture")


def _numbers_of_people(data: dict[str, Any], dataset: CocoKeypoints) -> Iterator[Finding]:
    if not data["annotations"]:
        return
    people = by_image(data["images"], data["annotations"])
    numbers = [(image["file_name"], len(people[image["id"]])) for image in data["images"]]
    kept = len(dataset.images) == len(data["images"])
    yield from about(
        "note", "picture", (name for name, number in numbers if not number), "without people",
        "whoever is found in them counts as wrong" if dataset.test_mode else
        "the network learns that nobody is there" if kept else
        "they are left out; train_dataloader.dataset.include_empty=True trains on them")
    if dataset.test_mode:
        yield from about(
            "note", "picture", (name for name, number in numbers if number > MAX_DETECTIONS),
            f"with more than {MAX_DETECTIONS} people", "by the official rule no more than that are "
            "counted; max_detections of the metric sets another limit")


def _keypoint_counts(keypoints: np.ndarray, metainfo: Metainfo) -> Iterator[Finding]:
    counts = (keypoints[..., 2] > 0).sum(axis=0)
    if not counts.any():
        return
    names = metainfo.keypoint_names
    rare, often = counts.argmin(), counts.argmax()
    yield Finding("ok", f"{counts.sum()} labelled keypoints: from {counts[rare]} of {names[rare]} "
                  f"to {counts[often]} of {names[often]}")
    yield from about(
        "warning", "keypoint", (n for n, number in zip(names, counts, strict=True) if not number),
        "that nobody has",
        "is it the metainfo of this data set? The network cannot learn them")


def _twice(images: list[dict[str, Any]], people: list[dict[str, Any]],
           keypoints: np.ndarray) -> list[Finding]:
    names = Counter(image["file_name"] for image in images)
    seen: dict[Any, Any] = {}
    again = []
    for person, joints in zip(people, keypoints, strict=True):
        if (joints[:, 2] > 0).any():
            key = person["image_id"], joints.tobytes()
            if key in seen:
                again.append(f"{person['id']!r} as {seen[key]!r}")
            seen.setdefault(key, person["id"])
    return [
        *about("warning", "picture", (name for name, number in names.items() if number > 1),
               "listed more than once", "join their annotations under one image"),
        *about("warning", "person", again, "with the keypoints of another one in the picture",
               "remove one of the annotations: only one person can be found there"),
    ]


def _places(people: list[dict[str, Any]], keypoints: np.ndarray, size: np.ndarray) -> list[Finding]:
    """size: (P, 2) of the pictures, in pixels."""
    xy, labelled = keypoints[..., :2], keypoints[..., 2] > 0
    outside = ((xy < 0) | (xy > size[:, None])).any(axis=-1) & labelled
    return about("warning", "annotation", _ids(people, outside.any(axis=1)),
                 "with labelled keypoints outside of the picture",
                 "they are never learnt; correct them, or write 0, 0, 0")


def _boxes(people: list[dict[str, Any]], keypoints: np.ndarray, size: np.ndarray
           ) -> Iterator[Finding]:
    given = np.array([person.get("bbox") is not None for person in people], bool)
    yield from about("note", "annotation", _ids(people, ~given), "without a box",
                     "training does without, evaluation needs it")
    if not given.any():
        return
    people = [person for person, has in zip(people, given, strict=True) if has]
    keypoints, size = keypoints[given], size[given]
    boxes = np.array([person["bbox"] for person in people], float)
    start, extent = boxes[:, :2], boxes[:, 2:]
    labelled = keypoints[..., 2] > 0
    yield from about("warning", "annotation", _ids(
        people, (extent <= 0).any(axis=1) & labelled.any(axis=1)),
        "with a box without extent", "a box is x, y, width, height in pixels")
    beyond = ((start < -1) | (start + extent > size + 1)).any(axis=1)
    yield from about("warning", "annotation", _ids(people, beyond), "with a box beyond the picture",
                     "harmless where the picture cuts somebody off" if beyond.mean() < _MANY else
                     "so many: are they two corners? A box is x, y, width, height")
    margin = _MARGIN * np.abs(extent)[:, None]
    inside = ((keypoints[..., :2] >= start[:, None] - margin)
              & (keypoints[..., :2] <= (start + extent)[:, None] + margin)).all(axis=-1)
    lost = ((labelled & inside).sum(axis=1) < labelled.sum(axis=1) / 2) & ~beyond
    yield from about("warning", "annotation", _ids(people, lost), "with most keypoints outside of "
                     "the box", "do they belong together, and is it x, y, width, height?")


def _ids(people: list[dict[str, Any]], which: np.ndarray) -> list[Any]:
    return [person["id"] for person, found in zip(people, which, strict=True) if found]
