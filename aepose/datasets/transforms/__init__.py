"""Steps between a loaded sample and the codec; one file per kind of step.

A training transform is called with a PoseSample and a random state and returns a PoseSample.
"""

from aepose.datasets.transforms.flip import RandomFlip
from aepose.datasets.transforms.random_affine import RandomAffine
from aepose.datasets.transforms.test_resize import find_test_frame, make_test_item

__all__ = ["RandomAffine", "RandomFlip", "find_test_frame", "make_test_item"]
