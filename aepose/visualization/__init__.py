"""Drawings of what the network is fed, and of what it made of it."""

from aepose.visualization.panel import LEAST_DRAWN_SCORE, draw_prediction
from aepose.visualization.samples import draw_eval_item, draw_tag_index, draw_train_item

__all__ = [
    "LEAST_DRAWN_SCORE",
    "draw_eval_item",
    "draw_prediction",
    "draw_tag_index",
    "draw_train_item",
]
