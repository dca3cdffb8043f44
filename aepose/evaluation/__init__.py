"""Evaluation: object keypoint similarity, COCO AP/AR, the metric of the test loop, its table."""

from aepose.evaluation.coco_eval import (
    STAT_NAMES,
    CocoScores,
    evaluate_records,
    load_ground_truth,
    to_records,
)
from aepose.evaluation.coco_metric import METRIC_ORDER, CocoMetric
from aepose.evaluation.oks import oks_nms, pairwise_oks, pose_boxes, soft_oks_nms
from aepose.evaluation.table import format_metrics

__all__ = [
    "METRIC_ORDER",
    "STAT_NAMES",
    "CocoMetric",
    "CocoScores",
    "evaluate_records",
    "format_metrics",
    "load_ground_truth",
    "oks_nms",
    "pairwise_oks",
    "pose_boxes",
    "soft_oks_nms",
    "to_records",
]
