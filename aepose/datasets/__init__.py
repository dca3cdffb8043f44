"""Data sets: annotation files, samples, transforms."""

from aepose.datasets.coco_keypoints import CocoKeypoints
from aepose.datasets.collate import collate_eval, collate_train
from aepose.datasets.concat import ConcatDataset, RepeatDataset
from aepose.datasets.eval_sets import EvalSets
from aepose.datasets.sampler import Draw, SameSizeBatches, SeededSampler, same_size_batches

__all__ = ["CocoKeypoints", "ConcatDataset", "Draw", "EvalSets", "RepeatDataset",
           "SameSizeBatches", "SeededSampler", "collate_eval", "collate_train", "same_size_batches"]
