"""Evaluation: object keypoint similarity, COCO AP/AR, the metrics of the test loop, their table."""

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

__all__ = [
    "BACKENDS",
    "CROWD_METRIC_ORDER",
    "METRIC_ORDER",
    "STAT_NAMES",
    "Backend",
    "CocoMetric",
    "CocoScores",
    "CrowdPoseMetric",
    "GroundTruth",
    "Part",
    "PoseMetric",
    "Record",
    "Scores",
    "evaluate_records",
    "find_backend",
    "format_scores",
    "installed_backends",
    "load_ground_truth",
    "load_records",
    "oks_nms",
    "pairwise_oks",
    "parts_of",
    "soft_oks_nms",
]
