"""Data sets: annotation files, samples, transforms."""

from typing import TYPE_CHECKING

from aepose.lazy import lazily

if TYPE_CHECKING:
    from aepose.datasets.coco_keypoints import CocoKeypoints
    from aepose.datasets.collate import collate_eval, collate_train
    from aepose.datasets.concat import ConcatDataset, RepeatDataset
    from aepose.datasets.eval_sets import EvalSets
    from aepose.datasets.same_size import same_size_batches
    from aepose.datasets.sampler import Draw, SameSizeBatches, SeededSampler

__all__, __getattr__, __dir__ = lazily(__name__, {
    "CocoKeypoints": "aepose.datasets.coco_keypoints",
    "ConcatDataset": "aepose.datasets.concat",
    "Draw": "aepose.datasets.sampler",
    "EvalSets": "aepose.datasets.eval_sets",
    "RepeatDataset": "aepose.datasets.concat",
    "SameSizeBatches": "aepose.datasets.sampler",
    "SeededSampler": "aepose.datasets.sampler",
    "collate_eval": "aepose.datasets.collate",
    "collate_train": "aepose.datasets.collate",
    "same_size_batches": "aepose.datasets.same_size",
})
