"""Transforms between a loaded sample and the codec; one file per kind.

A training transform is called with a PoseSample and a random state and returns a PoseSample.
"""

from typing import TYPE_CHECKING

from aepose.lazy import lazily

if TYPE_CHECKING:
    from aepose.datasets.transforms.flip import RandomFlip
    from aepose.datasets.transforms.random_affine import RandomAffine
    from aepose.datasets.transforms.random_crop import RandomCrop
    from aepose.datasets.transforms.resize import find_eval_frame, make_eval_item

__all__, __getattr__, __dir__ = lazily(__name__, {
    "RandomAffine": "aepose.datasets.transforms.random_affine",
    "RandomCrop": "aepose.datasets.transforms.random_crop",
    "RandomFlip": "aepose.datasets.transforms.flip",
    "find_eval_frame": "aepose.datasets.transforms.resize",
    "make_eval_item": "aepose.datasets.transforms.resize",
})
