"""Toy data sets: drawn people, or creatures of one's own description, in COCO's layout."""

from aepose.toy.dataset import draw_picture, make_toy_dataset

__all__ = ["draw_picture", "make_toy_dataset"]
