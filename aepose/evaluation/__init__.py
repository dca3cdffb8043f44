"""Evaluation: object keypoint similarity, COCO AP/AR, the metrics of the test loop, their table."""

from aepose.evaluation.coco_eval import (
    STAT_NAMES,
    CocoScores,
    GroundTruth,
    evaluate_records,
    load_ground_truth,
)
from aepose.evaluation.coco_metric import METRIC_ORDER, CocoMetric
from aepose.evaluation.crowdpose_metric import CROWD_METRIC_ORDER, CrowdPoseMetric
from aepose.evaluation.oks import oks_nms, pairwise_oks, pose_boxes, soft_oks_nms
from aepose.evaluation.records import Part, parts_of, to_records
from aepose.evaluation.table import format_metrics

__all__ = [
    "CROWD_METRIC_ORDER",
    "METRIC_ORDER",
    "STAT_NAMES",
    "CocoMetric",
    "CocoScores",
    "CrowdPoseMetric",
    "GroundTruth",
    "Part",
    "evaluate_records",
    "format_metrics",
    "load_ground_truth",
    "oks_nms",
    "pairwise_oks",
    "parts_of",
    "pose_boxes",
    "soft_oks_nms",
    "to_records",
]
