"""Drawings of results, of maps, and of what the network is fed."""

from aepose.visualization.image import fit_width, tile_images, write_image
from aepose.visualization.maps import draw_heatmaps, draw_maps
from aepose.visualization.panel import LEAST_DRAWN_SCORE, draw_prediction
from aepose.visualization.poses import draw_poses
from aepose.visualization.samples import draw_eval_item, draw_tag_index, draw_train_item

__all__ = [
    "LEAST_DRAWN_SCORE",
    "draw_eval_item",
    "draw_heatmaps",
    "draw_maps",
    "draw_poses",
    "draw_prediction",
    "draw_tag_index",
    "draw_train_item",
    "fit_width",
    "tile_images",
    "write_image",
]
