"""Stacked bar charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from aepose.drawing.image import Color

_ROW, _LENGTH, _DPI = 28, 560, 100  # pixels of a row and of a bar; pixels per inch


def draw_bars(
    title: str, rows: Mapping[str, Sequence[float]], parts: Mapping[str, Color]
) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 RGB of one horizontal bar per row.

    rows: text -> a size from 0 for each of ``parts``; bars show shares, the total stands behind
    parts: text -> RGB colour, in the order in which they are stacked

    A row without anything has an empty bar. Raises ValueError for a row of another length than
    ``parts`` and for a negative size.
    """
    from matplotlib.figure import Figure  # takes half a second

    for name, values in rows.items():
        if len(values) != len(parts) or min(values, default=0) < 0:
            raise ValueError(f"row {name!r}: expected {len(parts)} sizes from 0, got {values}")
    sizes = np.array(list(rows.values()), float).reshape(len(rows), len(parts))
    totals, places = sizes.sum(axis=1), range(len(rows))
    ends = sizes.cumsum(axis=1) / np.maximum(totals, 1e-12)[:, None]
    figure = Figure(figsize=(_LENGTH / _DPI, max(len(rows), 1) * _ROW / _DPI))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(max(len(rows), 1) - 0.5, -0.5))
    for index, (part, color) in enumerate(parts.items()):
        start = ends[:, index - 1] if index else np.zeros(len(rows))
        axes.barh(places, ends[:, index] - start, 0.65, start, color=np.divide(color, 255),
                  antialiased=False, label=part)
    axes.set_yticks(places, list(rows))
    behind = axes.secondary_yaxis("right")
    behind.set_yticks(places, [f"{total:g}" for total in totals])
    for side in (axes, behind):
        side.tick_params(length=0)
        side.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.legend(title=title, alignment="left", loc="lower left", bbox_to_anchor=(0, 1),
                ncols=len(parts), frameon=False, borderaxespad=0.3, borderpad=0, columnspacing=1,
                handlelength=1)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, bbox_inches="tight", pad_inches=0.15)
    return np.array(Image.open(file).convert("RGB"))
