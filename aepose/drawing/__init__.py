"""Drawings of people, and of the maps that they were found in: NumPy and OpenCV alone."""

from aepose.drawing.image import fit_width, tile_images, write_image
from aepose.drawing.maps import draw_heatmaps, draw_maps, draw_tags
from aepose.drawing.poses import PERSON_COLORS, DrawStyle, draw_poses

__all__ = ["PERSON_COLORS", "DrawStyle", "draw_heatmaps", "draw_maps", "draw_poses", "draw_tags",
           "fit_width", "tile_images", "write_image"]
