"""Results in the forms of others: COCO's records, pandas, supervision."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from aepose.errors import ConfigError, DataError
from aepose.metainfo import Metainfo, get_metainfo

if TYPE_CHECKING:
    from aepose.results.result import PoseResult

# What aepose's own records have more than COCO's.
COCO_EXTRAS = ("tags", "identity")


def pose_boxes(keypoints: np.ndarray) -> np.ndarray:
    """Return the (P, 4) boxes x, y, w, h around (P, K, 2) poses, in the dtype of the poses.

    Every keypoint counts, also one that was not found and lies at (0, 0): so do the reference
    results, whose areas and boxes these are.
    """
    if not len(keypoints):
        return np.zeros((0, 4), keypoints.dtype)
    low, high = keypoints.min(axis=1), keypoints.max(axis=1)
    return np.concatenate([low, high - low], axis=1)


def category_ids_of(
    given: int | Sequence[int | str], metainfo: Metainfo
) -> list[int | str]:
    """Return the category of each class: as given, or counted from that of the first."""
    classes = metainfo.classes
    ids = [given + i for i in range(len(classes))] if isinstance(given, int) else list(given)
    if len(set(ids)) != len(classes):
        raise ConfigError(f"category_id = {given!r}: give a category for each of "
                          f"{', '.join(one.name for one in classes)}")
    return ids


def coco_records(
    result: PoseResult, category_ids: Sequence[int | str], metainfo: Metainfo,
    extras: bool = False,
) -> list[dict[str, Any]]:
    """Return the people of one picture as COCO result records, in the order of ``result``.

    category_ids: of each class of ``metainfo``
    extras: add what COCO's format does not know: ``found`` (a number, 1 or 0, per keypoint) and
        ``tags`` (a list of L per keypoint)

    Each has image_id, category_id, score, bbox (x, y, w, h around all keypoints of its class) and
    every field with its keypoints (x, y in pixels of the picture, score); plain numbers that JSON
    can hold.
    """
    rows = np.concatenate([result.keypoints, result.keypoint_scores[..., None]], axis=-1)
    scores = result.scores.tolist()
    records: list[dict[str, Any]] = [{}] * len(result)
    for index, (pose_class, category_id) in enumerate(
            zip(metainfo.classes, category_ids, strict=True)):
        people = np.flatnonzero(result.class_ids == index)
        own = rows[people, pose_class.keypoints]
        boxes, fields = pose_boxes(own[..., :2]).tolist(), pose_class.metainfo.annotation_fields
        ends = np.cumsum([count for _, count in fields])
        values = {
            name: own[:, end - count : end].reshape(len(own), 3 * count).tolist()
            for (name, count), end in zip(fields, ends, strict=True)
        }
        for place, p in enumerate(people.tolist()):
            records[p] = {"image_id": result.image_id, "category_id": category_id,
                          **{name: numbers[place] for name, numbers in values.items()},
                          "score": scores[p], "bbox": boxes[place]}
            if extras:
                found = result.found[p, pose_class.keypoints].astype(int)
                tags = result.tags[p, pose_class.keypoints]
                records[p] |= {"found": found.tolist(), "tags": tags.tolist()}
    return records


def parse_coco(
    records: Sequence[Mapping[str, Any]], metainfo: Metainfo | str,
    category_id: int | Sequence[int | str] = 1,
) -> dict[str, Any]:
    """Return the arguments of a PoseResult from the COCO result records of one picture."""
    keypoints = get_metainfo(metainfo)
    images = {record.get("image_id") for record in records}
    if len(images) > 1:
        raise DataError(f"records of {len(images)} pictures; give those of one, by 'image_id'")
    ids = category_ids_of(category_id, keypoints)
    class_ids = [_class_of(record, ids, number) for number, record in enumerate(records)]
    joints = np.zeros((len(records), keypoints.num_keypoints, 3), np.float32)
    scores = np.zeros(len(records), np.float32)
    for number, (record, index) in enumerate(zip(records, class_ids, strict=True)):
        pose_class = keypoints.classes[index]
        own = pose_class.metainfo
        flat = [value for name, _ in own.annotation_fields for value in record.get(name, ())]
        if len(flat) != 3 * own.num_keypoints:
            raise DataError(f"record {number} has {len(flat) / 3:g} keypoints, metainfo "
                            f"'{own.name}' has {own.num_keypoints}")
        try:
            joints[number, pose_class.keypoints] = np.reshape([*map(float, flat)], (-1, 3))
            scores[number] = float(record["score"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"record {number}: keypoints and score must be there, as numbers "
                            f"({type(error).__name__}: {error})") from None
    tags, found, identities = (_of_all(records, key) for key in ("tags", "found", "identity"))
    return {
        "keypoints": joints[..., :2], "keypoint_scores": joints[..., 2], "metainfo": keypoints,
        "scores": scores, "class_ids": np.array(class_ids, np.int64),
        "image_id": images.pop() if images else -1,
        "tags": np.zeros((*joints.shape[:2], 1), np.float32) if tags is None else
        keypoints.spread(tags, class_ids, np.float32, np.shape(tags[0])[1:]),
        "found": None if found is None else keypoints.spread(found, class_ids, bool),
        "identities": None if identities is None else np.array(identities, np.int64),
    }


def _class_of(record: Mapping[str, Any], category_ids: list[int | str], number: int) -> int:
    """Return the class of a record; where there is one, its category does not matter."""
    if len(category_ids) == 1:
        return 0
    category = record.get("category_id")
    if category not in category_ids:
        raise DataError(f"record {number} has the category_id {category!r}; those of the classes "
                        f"are {', '.join(map(repr, category_ids))}")
    return category_ids.index(category)


def _of_all(records: Sequence[Mapping[str, Any]], key: str) -> list[Any] | None:
    """Return what all records have of a key; None if one lacks it, or there are none."""
    if records and all(key in record for record in records):
        return [record[key] for record in records]
    return None


def to_dataframe(results: Iterable[PoseResult]) -> Any:
    """Return a pandas.DataFrame with a row per person; see ``PoseResult.to_dataframe``."""
    pandas = needed("pandas", "to_dataframe")
    return pandas.DataFrame([row for result in results for row in flat_rows(result)])


def flat_rows(result: PoseResult) -> list[dict[str, Any]]:
    """Return a row per person whose values are single numbers and texts, as tables need them."""
    boxes, rows = result.boxes, []
    several = result.metainfo is not None and len(result.metainfo.classes) > 1
    own = result.own_keypoints
    for p in range(len(result)):
        row: dict[str, Any] = {"image": result.image_path, "frame": result.frame, "person": p}
        if result.identities is not None:
            row["identity"] = int(result.identities[p])
        if several:
            row["class"] = result.class_names[p]
        row["score"] = float(result.scores[p])
        row |= dict(zip(("x0", "y0", "x1", "y1"), boxes[p].tolist(), strict=True))
        for k, name in enumerate(result.names):
            x, y = result.keypoints[p, k].tolist() if own[p, k] else (math.nan, math.nan)
            row |= {f"{name}_x": x, f"{name}_y": y, f"{name}_found": bool(result.found[p, k]),
                    f"{name}_score": float(result.keypoint_scores[p, k])}
        rows.append(row)
    return rows


def to_supervision(result: PoseResult) -> Any:
    """Return supervision.KeyPoints; see ``PoseResult.to_supervision``."""
    supervision = needed("supervision", "to_supervision")
    return supervision.KeyPoints(
        xy=result.keypoints.astype(np.float32),
        class_id=result.class_ids.copy(),
        keypoint_confidence=result.keypoint_scores.astype(np.float32),
        detection_confidence=result.scores.astype(np.float32),
        visible=result.found.copy(),
        data={} if result.identities is None else {"tracker_id": result.identities.copy()},
    )


def needed(module: str, use: str, package: str = "") -> ModuleType:
    """Import an optional package; raises ConfigError that says what for, and how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = package or module
        raise ConfigError(f"{use} needs {package}, which is not installed: pip install {package}"
                          ) from None
