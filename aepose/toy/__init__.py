"""The toy data set: drawn people in COCO's layout."""

from aepose.toy.dataset import make_toy_dataset

__all__ = ["make_toy_dataset"]
