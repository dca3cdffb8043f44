"""Drawings of people on their pictures: NumPy and OpenCV alone."""

from aepose.drawing.image import fit_width, tile_images, write_image
from aepose.drawing.poses import PERSON_COLORS, DrawStyle, draw_poses

__all__ = ["PERSON_COLORS", "DrawStyle", "draw_poses", "fit_width", "tile_images", "write_image"]
