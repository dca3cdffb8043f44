"""Drawings of a test's results."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aepose.drawing import tile_images, write_image
from aepose.files import free_name, make_folder
from aepose.images import read_image
from aepose.results import PoseResult
from aepose.visualization.panel import LEAST_DRAWN_SCORE

_OVERVIEW = 12  # drawings in overview.png


class ResultDrawer:
    """Draws each result into ``folder``, which is made, and keeps the first ones with people.

    exif: whether pictures are turned upright by their EXIF orientation, as they were for the test
    """

    def __init__(self, folder: str | Path, exif: bool) -> None:
        self.folder = make_folder(folder)
        self.exif = exif
        self._first: list[np.ndarray] = []
        self._taken = {"overview"}

    def __call__(self, result: PoseResult) -> None:
        likely = result.filter(min_score=LEAST_DRAWN_SCORE)
        drawing = likely.draw(read_image(result.image_path, self.exif))
        name = free_name(result.name, self._taken)
        write_image(self.folder / f"{name}.png", drawing)
        if len(likely) and len(self._first) < _OVERVIEW:
            self._first.append(drawing)

    def write_overview(self) -> None:
        """Write overview.png with the first drawings, if there are any."""
        if self._first:
            write_image(self.folder / "overview.png", tile_images(self._first))
