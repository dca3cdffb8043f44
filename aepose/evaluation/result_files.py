"""Read files of results in COCO's format.

A result file is a list of records, one per person found: ``image_id``, ``category_id``, ``score``,
and every annotation field of the data set (``keypoints``; for whole bodies also ``foot_kpts``,
``face_kpts``, ``lefthand_kpts`` and ``righthand_kpts``) with x, y, score of each keypoint in pixels
of the picture. Records of a picture may stand anywhere in the file.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from aepose.datasets.annotations import by_image, join_fields
from aepose.datasets.values import (
    LARGEST,
    are_numbers,
    checked_id,
    describe,
    is_number,
    shown,
)
from aepose.errors import DataError
from aepose.evaluation.coco_metric import CocoMetric
from aepose.evaluation.old_results import is_old_results, to_records
from aepose.evaluation.records import Record
from aepose.files import read_json
from aepose.metainfo import Metainfo

_NEEDED = ("image_id", "category_id", "score")


def load_records(path: str | PathLike[str], metric: CocoMetric) -> list[Record]:
    """Return the records of a result file (.json or .json.gz), suppressed as ``metric`` says.

    A record without ``bbox`` gets the box around its keypoints, found or not, whose area the
    evaluation needs. The list may be empty. Rows that MMPose 0.x wrote for pictures are taken, too.

    Raises DataError that names the file and the record for: a missing file, not JSON, no list of
    records, a missing field, another number of keypoints, a number that is not finite, a picture or
    a category that the annotations do not have, and a record that comes twice.
    """
    path = Path(path)
    records = read_json(path, "result file")
    if is_old_results(records):
        records = to_records(records, metric, path)
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise DataError(f"{path} is not a result file: expected a list of objects, one per person "
                        "found" + (" (it looks like an annotation file)"
                                   if isinstance(records, dict) and "images" in records else ""))
    for number, record in enumerate(records):
        _check_record(record, metric, f"{path}: record {number}")
    _check_images(records, metric, path)
    _check_repeats(records, metric, path)
    names = [name for name, _ in metric.metainfo.annotation_fields]
    for record in records:
        if "bbox" not in record:
            x, y = (np.array(join_fields(record, names)[i::3]) for i in range(2))
            record["bbox"] = [float(v) for v in (x.min(), y.min(), np.ptp(x), np.ptp(y))]
    return records if metric.nms is None else _suppress(records, names, metric)


def _check_record(record: Record, metric: CocoMetric, where: str) -> None:
    for key in _NEEDED:
        if key not in record:
            raise DataError(f"{where} has no '{key}'; each needs "
                            f"{', '.join(_NEEDED)} and keypoints")
    for key in ("image_id", "category_id"):
        record[key] = checked_id(record[key], key, where)
    where = f"{where} (image {record['image_id']!r})"
    for key in ("score", *(part.score_key for part in metric.scored)):
        if not is_number(record.get(key, 0)):
            raise DataError(f"{where}: '{key}' is {shown(record[key])}; it must be a finite number "
                            f"of at most {LARGEST:.0e}")
    own = _own_metainfo(record, metric)
    for name, count in () if own is None else own.annotation_fields:
        if name not in record:
            raise DataError(f"{where} has no '{name}', which results on "
                            f"'{own.name}' need; is this the right data set?")
        values = record[name]
        if not isinstance(values, list) or len(values) != 3 * count:
            raise DataError(f"{where}: '{name}' has {describe(values)}, but "
                            f"'{own.name}' has {count} keypoints, 3 numbers each; is "
                            "this the right data set?")
        if not are_numbers(values, 3 * count):
            raise DataError(f"{where}: '{name}' has {describe(values)}; they must be finite "
                            f"numbers of at most {LARGEST:.0e}")
    if "bbox" in record and not are_numbers(record["bbox"], 4):
        raise DataError(f"{where}: 'bbox' is {shown(record['bbox'])}; it must be 4 numbers x, y, "
                        "width, height")


def _own_metainfo(record: Record, metric: CocoMetric) -> Metainfo | None:
    """Return the keypoints of a record's class; None for a category that nobody knows."""
    classes = metric.metainfo.classes
    index = metric.ground_truth.classes.get(record["category_id"], None if classes[1:] else 0)
    return None if index is None else classes[index].metainfo


def _check_images(records: list[Record], metric: CocoMetric, path: Path) -> None:
    """Refuse records of another data set's pictures or categories."""
    for key, known in (("image_id", {image["id"] for image in metric.ground_truth.images}),
                       ("category_id", {c["id"] for c in metric.ground_truth.categories})):
        strangers = [record[key] for record in records if record[key] not in known]
        if strangers:
            raise DataError(f"{path}: {len(strangers)} of {len(records)} records have a '{key}' "
                            f"that {metric.ann_file} does not know, such as {strangers[0]!r}; are "
                            "these results of another data set?")


def _check_repeats(records: list[Record], metric: CocoMetric, path: Path) -> None:
    """Refuse a person that comes again after other pictures: two files were joined into one.

    Two equal people next to each other are left alone; a network can find those.
    """
    fields = [name for name, _ in metric.metainfo.annotation_fields]
    blocks: dict[int, int] = {}
    block, last = -1, None
    for number, record in enumerate(records):
        block += record["image_id"] != last
        last = record["image_id"]
        person = hash((last, record["score"], *join_fields(record, fields)))
        if blocks.setdefault(person, block) != block:
            raise DataError(f"{path}: record {number} of image {last!r} is there twice; were two "
                            "result files joined?")


def _suppress(records: list[Record], names: list[str], metric: CocoMetric) -> list[Record]:
    """Return the records that the metric's suppression keeps, picture by picture."""
    kept: list[Record] = []
    classes = metric.ground_truth.classes
    for people in filter(None, by_image(metric.ground_truth.images, records).values()):
        class_ids = np.array([classes[person["category_id"]] for person in people])
        rows = metric.metainfo.spread([join_fields(person, names) for person in people], class_ids,
                                      np.float32, (3,))
        scores = np.array([person["score"] for person in people], np.float32)
        kept += [people[index] for index in metric.keep(rows[..., :2], scores, class_ids)]
    return kept
