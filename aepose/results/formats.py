"""Results in the forms of others: COCO's records, pandas, supervision."""

from __future__ import annotations

import importlib
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


def coco_records(
    result: PoseResult, category_id: int | str, fields: tuple[tuple[str, int], ...]
) -> list[dict[str, Any]]:
    """Return the people of one picture as COCO result records, in the order of ``result``.

    fields: the metainfo's ``annotation_fields``

    Each has image_id, category_id, score, bbox (x, y, w, h around all K keypoints) and every field
    with its keypoints (x, y in pixels of the picture, score); plain numbers that JSON can hold.
    """
    rows = np.concatenate([result.keypoints, result.keypoint_scores[..., None]], axis=-1)
    ends = np.cumsum([count for _, count in fields])
    values = {
        name: rows[:, end - count : end].reshape(len(result), 3 * count).tolist()
        for (name, count), end in zip(fields, ends, strict=True)
    }
    boxes, scores = pose_boxes(result.keypoints).tolist(), result.scores.tolist()
    return [{"image_id": result.image_id, "category_id": category_id,
             **{name: people[p] for name, people in values.items()},
             "score": scores[p], "bbox": boxes[p]}
            for p in range(len(result))]


def parse_coco(records: Sequence[Mapping[str, Any]], metainfo: Metainfo | str) -> dict[str, Any]:
    """Return the arguments of a PoseResult from the COCO result records of one picture."""
    keypoints = get_metainfo(metainfo)
    images = {record.get("image_id") for record in records}
    if len(images) > 1:
        raise DataError(f"records of {len(images)} pictures; give those of one, by 'image_id'")
    joints = np.zeros((len(records), keypoints.num_keypoints, 3), np.float32)
    scores = np.zeros(len(records), np.float32)
    for number, record in enumerate(records):
        flat = [value for name, _ in keypoints.annotation_fields for value in record.get(name, ())]
        if len(flat) != joints[0].size:
            raise DataError(f"record {number} has {len(flat) / 3:g} keypoints, metainfo "
                            f"'{keypoints.name}' has {keypoints.num_keypoints}")
        try:
            joints[number] = np.reshape([*map(float, flat)], (-1, 3))
            scores[number] = float(record["score"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"record {number}: keypoints and score must be there, as numbers "
                            f"({type(error).__name__}: {error})") from None
    return {
        "keypoints": joints[..., :2], "keypoint_scores": joints[..., 2], "metainfo": keypoints,
        "scores": scores,
        "image_id": images.pop() if images else -1,
        "tags": _of_all(records, "tags", np.float32, joints.shape[:2]),
        "found": _of_all(records, "found", bool),
        "identities": _of_all(records, "identity", np.int64),
    }


def _of_all(records: Sequence[Mapping[str, Any]], key: str, kind: type,
            shape: tuple[int, ...] | None = None) -> np.ndarray | None:
    """Return what all records have of a key; else None or, of a shape, zeros with L = 1."""
    if records and all(key in record for record in records):
        return np.array([record[key] for record in records], kind)
    return None if shape is None else np.zeros((*shape, 1), kind)


def to_dataframe(results: Iterable[PoseResult]) -> Any:
    """Return a pandas.DataFrame with a row per person; see ``PoseResult.to_dataframe``."""
    pandas = needed("pandas", "to_dataframe")
    return pandas.DataFrame([row for result in results for row in flat_rows(result)])


def flat_rows(result: PoseResult) -> list[dict[str, Any]]:
    """Return a row per person whose values are single numbers and texts, as tables need them."""
    boxes, rows = result.boxes, []
    for p in range(len(result)):
        row: dict[str, Any] = {"image": result.image_path, "frame": result.frame, "person": p}
        if result.identities is not None:
            row["identity"] = int(result.identities[p])
        row["score"] = float(result.scores[p])
        row |= dict(zip(("x0", "y0", "x1", "y1"), boxes[p].tolist(), strict=True))
        for k, name in enumerate(result.names):
            x, y = result.keypoints[p, k].tolist()
            row |= {f"{name}_x": x, f"{name}_y": y, f"{name}_found": bool(result.found[p, k]),
                    f"{name}_score": float(result.keypoint_scores[p, k])}
        rows.append(row)
    return rows


def to_supervision(result: PoseResult) -> Any:
    """Return supervision.KeyPoints; see ``PoseResult.to_supervision``."""
    supervision = needed("supervision", "to_supervision")
    return supervision.KeyPoints(
        xy=result.keypoints.astype(np.float32),
        class_id=np.zeros(len(result), int),
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
