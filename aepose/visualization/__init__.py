"""Drawing what the network found and what it saw."""

from aepose.visualization.maps import draw_maps
from aepose.visualization.picture import tile_images, write_image
from aepose.visualization.poses import draw_poses

__all__ = ["draw_maps", "draw_poses", "tile_images", "write_image"]
