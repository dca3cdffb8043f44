"""The COCO keypoint metric of the test and validation loops."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from mmengine.evaluator import BaseMetric

from aepose.errors import ConfigError, DataError, nearest
from aepose.evaluation.coco_eval import (
    CocoScores,
    Record,
    evaluate_records,
    load_ground_truth,
    to_records,
)
from aepose.evaluation.oks import oks_nms, soft_oks_nms
from aepose.metainfo import Metainfo, get_metainfo
from aepose.registry import METRICS
from aepose.structures import PoseResult

# The order in which metrics are reported; the zoo's tables show all but the last.
METRIC_ORDER = ("AP", "AP50", "AP75", "AR", "AR50", "AP(M)", "AP(L)", "AR(M)", "AR(L)", "AR75")
_SUPPRESSION = {"oks": oks_nms, "soft_oks": soft_oks_nms}


@METRICS.register_module()
class CocoMetric(BaseMetric):
    """AP and AR of found people against a COCO-format annotation file.

    metainfo: the data set's keypoints, or its name; gives K and the sigmas
    ann_file: the annotation file; every picture in it counts, also one without a result
    nms: None, 'oks' (drops poses alike to a better one) or 'soft_oks' (re-orders, keeps 20)
    oks_threshold: OKS above which 'oks' drops a pose, or the width of 'soft_oks'; in (0, 1]

    records: after ``compute_metrics`` the COCO result records of all pictures, ready for JSON
    parts: after ``compute_metrics`` the scores of each set of keypoints by its annotation field

    Raises ConfigError for a bad option, DataError for an annotation file that cannot be used:
    both at construction, before any network runs.
    """

    def __init__(self, metainfo: Metainfo | str, ann_file: str | PathLike[str],
                 nms: str | None = None, oks_threshold: float = 0.9,
                 collect_device: str = "cpu", prefix: str | None = "coco") -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if nms is not None and nms not in _SUPPRESSION:
            raise ConfigError(f"nms = {nms!r} is not a known suppression"
                              + nearest(str(nms), _SUPPRESSION) + ", or None for none")
        if not 0 < oks_threshold <= 1:
            raise ConfigError(f"oks_threshold = {oks_threshold}: expected a number in (0, 1]")
        self.metainfo = get_metainfo(metainfo) if isinstance(metainfo, str) else metainfo
        self.ann_file = ann_file
        self.nms = nms
        self.oks_threshold = oks_threshold
        self.ground_truth = load_ground_truth(ann_file, self.metainfo.num_keypoints)
        self.records: list[Record] = []
        self.parts: dict[str, CocoScores] = {}

    def process(self, data_batch: Any, data_samples: Sequence[PoseResult]) -> None:
        """Note the people of one batch of pictures; ``data_batch`` is not looked at.

        Raises DataError for a picture that the annotation file does not know, ConfigError for
        poses with another number of keypoints than the metainfo.
        """
        category_id = self.ground_truth.dataset["categories"][0]["id"]
        for result in data_samples:
            self._check(result)
            records = to_records(self._suppress(result), category_id)
            self.results.append((result.image_id, records))

    def compute_metrics(self, results: list[tuple[int, list[Record]]]) -> dict[str, float]:
        """Return the metrics by name in METRIC_ORDER; all 0 when nobody was found anywhere."""
        # A distributed sampler may repeat pictures to fill a batch: each counts once.
        by_image = dict(results)
        self.records = [record for records in by_image.values() for record in records]
        scores = evaluate_records(self.ground_truth, self.records, self.metainfo.sigmas)
        self.parts = {"keypoints": scores}
        return {name: scores.stats[name] for name in METRIC_ORDER}

    def _check(self, result: PoseResult) -> None:
        if result.image_id not in self.ground_truth.imgs:
            raise DataError(f"{self.ann_file}: no image has the id {result.image_id} of a result; "
                            "evaluate with the annotation file that the test pictures come from")
        found, expected = result.keypoints.shape[1], self.metainfo.num_keypoints
        if found != expected:
            raise ConfigError(f"the poses have {found} keypoints but metainfo "
                              f"'{self.metainfo.name}' has {expected}; network and data set must "
                              "use the same metainfo")

    def _suppress(self, result: PoseResult) -> PoseResult:
        if self.nms is None or not len(result):
            return result
        keep = _SUPPRESSION[self.nms](result.keypoints, result.scores, self.metainfo.sigmas,
                                      self.oks_threshold)
        return result.select(keep)
