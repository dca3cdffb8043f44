"""HOTA, IDF1 and identity switches of tracked poses, by TrackEval with OKS as the similarity."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from aepose.evaluation.oks import oks_with_people
from tracking_films import Case

with contextlib.redirect_stdout(io.StringIO()):
    from trackeval.datasets._base_dataset import _BaseDataset
    from trackeval.metrics import CLEAR, HOTA, Identity


class OksDataset(_BaseDataset):
    """A film for TrackEval: its truth, and identities that a tracker gave to what was found.

    identities: one (P,) per frame; people with -1 are left out
    """

    def __init__(self, case: Case, identities: list[np.ndarray]) -> None:
        super().__init__()
        self.case, self.identities = case, identities
        self.tracker_list, self.seq_list, self.class_list = ["tracker"], [case.name], ["person"]

    @staticmethod
    def get_default_dataset_config() -> dict[str, Any]:
        """Nothing can be set."""
        return {}

    def _load_raw_file(self, tracker: str, seq: str, is_gt: bool) -> dict[str, Any]:
        if is_gt:
            people = self.case.truth
            return {"gt_dets": people, "gt_ids": [p.identities for p in people]}
        kept = [number >= 0 for number in self.identities]
        return {"tracker_dets": [p.keypoints[k] for p, k in zip(self.case.detections, kept,
                                                                strict=True)],
                "tracker_ids": [n[k] for n, k in zip(self.identities, kept, strict=True)]}

    def _calculate_similarities(self, gt_dets_t: Any, tracker_dets_t: np.ndarray) -> np.ndarray:
        """(truth, tracked) OKS, as COCO counts it, of the keypoints that show."""
        if not len(gt_dets_t.keypoints) or not len(tracker_dets_t):
            return np.zeros((len(gt_dets_t.keypoints), len(tracker_dets_t)))
        low, high = gt_dets_t.keypoints.min(axis=1), gt_dets_t.keypoints.max(axis=1)
        boxes = np.concatenate([low, high - low], axis=1)
        people = np.concatenate([gt_dets_t.keypoints, gt_dets_t.found[..., None]], axis=2)
        return oks_with_people(tracker_dets_t, people, boxes, boxes[:, 2:].prod(axis=1),
                               self.case.sigmas).T

    def get_preprocessed_seq_data(self, raw_data: dict[str, Any], cls: str) -> dict[str, Any]:
        """Return a sequence with identities numbered from 0, as the metrics ask for."""
        data = {"similarity_scores": raw_data["similarity_scores"],
                "num_timesteps": len(raw_data["gt_ids"])}
        for kind in ("gt", "tracker"):
            ids = raw_data[f"{kind}_ids"]
            known, numbers = np.unique(np.concatenate(ids), return_inverse=True)
            ends = np.cumsum([len(frame) for frame in ids])[:-1]
            data |= {f"{kind}_ids": np.split(numbers, ends), f"num_{kind}_ids": len(known),
                     f"num_{kind}_dets": len(numbers)}
        return data


def measure(runs: list[tuple[Case, list[np.ndarray]]]) -> dict[str, float]:
    """Return HOTA and IDF1 in percent and the number of switches over some films together."""
    found: dict[str, dict[str, Any]] = {}
    metrics = {"hota": HOTA(), "clear": CLEAR({"THRESHOLD": 0.5, "PRINT_CONFIG": False}),
               "identity": Identity({"THRESHOLD": 0.5, "PRINT_CONFIG": False})}
    for number, (case, identities) in enumerate(runs):
        films = OksDataset(case, identities)
        data = films.get_preprocessed_seq_data(films.get_raw_seq_data("tracker", case.name), "")
        for name, metric in metrics.items():
            found.setdefault(name, {})[str(number)] = metric.eval_sequence(data)
    total = {name: metric.combine_sequences(found[name]) for name, metric in metrics.items()}
    return {"HOTA": 100 * float(total["hota"]["HOTA"].mean()),
            "AssA": 100 * float(total["hota"]["AssA"].mean()),
            "DetA": 100 * float(total["hota"]["DetA"].mean()),
            "IDF1": 100 * float(total["identity"]["IDF1"]),
            "switches": int(total["clear"]["IDSW"])}
