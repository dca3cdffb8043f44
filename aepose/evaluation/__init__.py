"""Evaluation: object keypoint similarity, COCO AP/AR, the metrics of the test loop, their table."""

from typing import TYPE_CHECKING

from aepose.lazy import lazily

if TYPE_CHECKING:
    from aepose.evaluation.backends import BACKENDS, Backend, find_backend, installed_backends
    from aepose.evaluation.coco_eval import STAT_NAMES, CocoScores, evaluate_records
    from aepose.evaluation.coco_metric import METRIC_ORDER, CocoMetric
    from aepose.evaluation.crowdpose_metric import CROWD_METRIC_ORDER, CrowdPoseMetric
    from aepose.evaluation.ground_truth import GroundTruth, load_ground_truth
    from aepose.evaluation.metric import PoseMetric
    from aepose.evaluation.oks import oks_nms, pairwise_oks, soft_oks_nms
    from aepose.evaluation.records import Part, Record, parts_of
    from aepose.evaluation.result_files import load_records
    from aepose.evaluation.table import Scores, format_scores

__all__, __getattr__, __dir__ = lazily(__name__, {
    "BACKENDS": "aepose.evaluation.backends",
    "Backend": "aepose.evaluation.backends",
    "CROWD_METRIC_ORDER": "aepose.evaluation.crowdpose_metric",
    "CocoMetric": "aepose.evaluation.coco_metric",
    "CocoScores": "aepose.evaluation.coco_eval",
    "CrowdPoseMetric": "aepose.evaluation.crowdpose_metric",
    "GroundTruth": "aepose.evaluation.ground_truth",
    "METRIC_ORDER": "aepose.evaluation.coco_metric",
    "Part": "aepose.evaluation.records",
    "PoseMetric": "aepose.evaluation.metric",
    "Record": "aepose.evaluation.records",
    "STAT_NAMES": "aepose.evaluation.coco_eval",
    "Scores": "aepose.evaluation.table",
    "evaluate_records": "aepose.evaluation.coco_eval",
    "find_backend": "aepose.evaluation.backends",
    "format_scores": "aepose.evaluation.table",
    "installed_backends": "aepose.evaluation.backends",
    "load_ground_truth": "aepose.evaluation.ground_truth",
    "load_records": "aepose.evaluation.result_files",
    "oks_nms": "aepose.evaluation.oks",
    "pairwise_oks": "aepose.evaluation.oks",
    "parts_of": "aepose.evaluation.records",
    "soft_oks_nms": "aepose.evaluation.oks",
})
