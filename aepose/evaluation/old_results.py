"""Results as MMPose 0.x's test.py wrote them with ``--out``: a row for each picture."""

from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from aepose.datasets.values import LARGEST, are_numbers, is_number, shown
from aepose.errors import DataError
from aepose.evaluation.coco_metric import CocoMetric
from aepose.evaluation.records import Record


def is_old_results(content: Any) -> bool:
    """Return whether a file's content is such rows: ``preds`` and ``scores`` for ``image_paths``.
    """
    return isinstance(content, list) and bool(content) and all(
        isinstance(row, dict) and {"preds", "scores", "image_paths"} <= row.keys()
        for row in content)


def to_records(rows: list[dict[str, Any]], metric: CocoMetric, path: Path) -> list[Record]:
    """Return the rows as records of COCO's result format, one per person.

    ``preds`` has (P, K, 3 or more) numbers: x, y, score, and tags, which are left out. A picture
    is known by the end of its path.

    Raises DataError that names the row for other content, a picture that the annotations do not
    have or have twice, and if they have several categories.
    """
    if len(metric.ground_truth.categories) != 1:
        raise DataError(f"{path} does not say the category of a person, and {metric.ann_file} has "
                        f"{len(metric.ground_truth.categories)}; give --category")
    category = metric.ground_truth.categories[0]["id"]
    images: dict[str, list[tuple[str, Any]]] = {}
    for image in metric.ground_truth.images:
        name = str(image["file_name"])
        images.setdefault(PurePosixPath(name).name, []).append((name, image["id"]))
    fields = metric.metainfo.annotation_fields
    cuts = [*accumulate((count for _, count in fields), initial=0)]
    records: list[Record] = []
    for number, row in enumerate(rows):
        where = f"{path}: row {number}"
        image_id = _image_of(row["image_paths"], images, where)
        for person, score in _people(row, metric.metainfo.num_keypoints, where):
            parts = {name: [value for point in person[a:b] for value in point[:3]]
                     for (name, _), (a, b) in zip(fields, pairwise(cuts), strict=True)}
            records.append({"image_id": image_id, "category_id": category, "score": score, **parts})
    return records


def _image_of(paths: Any, images: dict[str, list[tuple[str, Any]]], where: str) -> Any:
    if not (isinstance(paths, list) and len(paths) == 1 and isinstance(paths[0], str)):
        raise DataError(f"{where}: image_paths is {shown(paths)}; it must be the path of one "
                        "picture, in a list")
    path = paths[0].replace("\\", "/")
    found = [image_id for name, image_id in images.get(PurePosixPath(path).name, ())
             if f"/{path}".endswith(f"/{name}")]
    if len(found) != 1:
        raise DataError(f"{where}: picture {path!r} stands {len(found)} times in the annotations; "
                        "are these results of another data set?")
    return found[0]


def _people(row: dict[str, Any], keypoints: int, where: str) -> list[tuple[list, float]]:
    people, scores = row["preds"], row["scores"]
    if not (isinstance(people, list) and isinstance(scores, list) and len(people) == len(scores)):
        raise DataError(f"{where}: preds and scores must be lists of one length, an entry per "
                        "person")
    for person, score in zip(people, scores, strict=True):
        if not (isinstance(person, list) and len(person) == keypoints
                and all(isinstance(p, list) and len(p) >= 3 and are_numbers(p[:3], 3)
                        for p in person)):
            raise DataError(f"{where}: an entry of preds is not {keypoints} keypoints of x, y, "
                            "score and tags; is this the right data set?")
        if not is_number(score):
            raise DataError(f"{where}: an entry of scores is {shown(score)}; it must be a finite "
                            f"number of at most {LARGEST:.0e}")
    return [*zip(people, scores, strict=True)]
