"""Data sets: annotation files, samples, transforms."""

from aepose.datasets.coco_keypoints import CocoKeypoints
from aepose.datasets.collate import collate_test, collate_train
from aepose.datasets.sampler import Draw, SeededSampler

__all__ = ["CocoKeypoints", "Draw", "SeededSampler", "collate_test", "collate_train"]
