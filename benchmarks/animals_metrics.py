"""How well creatures were found: OKS-AP, pixels off, and creatures that were mixed up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aepose.analysis.diagnosis import MATCHED, match
from aepose.evaluation import CocoMetric
from aepose.evaluation.oks import oks_with_people
from aepose.metainfo import Metainfo


@dataclass(frozen=True)
class Found:
    """What was measured on the pictures of an annotation file.

    ap, ap75: OKS-AP, and at 0.75
    errors: (N,) pixels from each labelled keypoint to where it was found
    creatures: share of the annotated creatures that were found, at an OKS of 0.1 or more
    keypoints: share of these creatures' labelled keypoints that were found
    mixed: share of the keypoints found that lie nearer to the same keypoint of another creature

    Where nobody was found, shares of what was found are NaN.
    """

    ap: float
    ap75: float
    errors: np.ndarray
    creatures: float
    keypoints: float
    mixed: float


def measure(
    ann_file: Path, results: Path, metainfo: Metainfo, best_alone: bool = False
) -> Found:
    """Compare a file of results with annotations.

    best_alone: there is one creature in a picture, so the one with the highest score is compared,
        however far off it is, and no other
    """
    records = json.loads(results.read_text())
    truth = json.loads(ann_file.read_text())
    found = {image["id"]: [] for image in truth["images"]}
    for record in sorted(records, key=lambda r: -r["score"]):
        found[record["image_id"]].append(record)
    if best_alone:
        found = {image: best[:1] for image, best in found.items()}
    errors, mixed, creatures, labelled_number = [np.zeros(0)], [np.zeros(0, bool)], 0, 0
    for image, detections in found.items():
        people = [a for a in truth["annotations"] if a["image_id"] == image]
        true = np.array([a["keypoints"] for a in people]).reshape(-1, metainfo.num_keypoints, 3)
        poses = np.array([d["keypoints"] for d in detections]).reshape(-1, *true.shape[1:])
        similarity = oks_with_people(poses[..., :2], true, np.array([a["bbox"] for a in people]),
                                     np.array([a["area"] for a in people]), metainfo.sigmas)
        partner = match(similarity, np.ones(len(true), bool), 0.0 if best_alone else MATCHED)
        creatures += sum(p >= 0 for p in partner)
        for pose, p in zip(poses, partner, strict=True):
            if p >= 0:
                labelled_number += int((true[p, :, 2] > 0).sum())
                away, others = _distances(pose, true, p)
                errors.append(away)
                mixed.append(others < away)
    metric = CocoMetric(metainfo, ann_file)
    kept = [record for best in found.values() for record in best]
    scores = metric.compute_from_records(kept)
    away, confused = np.concatenate(errors), np.concatenate(mixed)
    nan = float("nan")
    return Found(scores["AP"], scores["AP75"], away, creatures / len(truth["annotations"]),
                 len(away) / labelled_number if labelled_number else nan,
                 float(confused.mean()) if len(away) else nan)


def _distances(pose: np.ndarray, true: np.ndarray, own: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how far found keypoints lie from creature ``own`` and from the nearest other, (N,).

    pose: (K, 3); true: (P, K, 3). Keypoints that are not labelled or were not found are left out.
    """
    away = np.linalg.norm(true[..., :2] - pose[:, :2], axis=2)
    away[true[..., 2] == 0] = np.inf
    asked = (true[own, :, 2] > 0) & (pose[:, 2] > 0)
    others = np.delete(away, own, axis=0).min(axis=0, initial=np.inf)
    return away[own, asked], others[asked]
