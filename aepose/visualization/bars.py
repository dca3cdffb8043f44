"""Stacked bars: how wholes are made up of parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from aepose.visualization.image import FONT, Color

_GROUND, _INK = (255, 255, 255), (30, 30, 30)
# All in pixels.
_ROW, _BAR, _LENGTH, _MARGIN = 28, 18, 560, 16
_TEXT_HEIGHT, _SWATCH = 11, 14


def draw_bars(
    title: str, rows: Mapping[str, Sequence[float]], parts: Mapping[str, Color]
) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 RGB of one horizontal bar per row.

    rows: text -> a size from 0 for each of ``parts``; bars show shares, the total stands behind
    parts: text -> RGB colour, in the order in which they are stacked

    A row without anything has an empty bar. Raises ValueError for a row of another length than
    ``parts`` and for a negative size.
    """
    for name, values in rows.items():
        if len(values) != len(parts) or min(values, default=0) < 0:
            raise ValueError(f"row {name!r}: expected {len(parts)} sizes from 0, got {values}")
    scale = cv2.getFontScaleFromHeight(FONT, _TEXT_HEIGHT, 1)

    def width_of(text: str) -> int:
        return cv2.getTextSize(text, FONT, scale, 1)[0][0]

    totals = {name: f"{sum(values):g}" for name, values in rows.items()}
    left = 2 * _MARGIN + max(map(width_of, rows), default=0)
    right = max(map(width_of, totals.values()), default=0) + 2 * _MARGIN
    legend = sum(width_of(part) + _SWATCH + 2 * _MARGIN for part in parts)
    width = max(left + _LENGTH + right, legend + 2 * _MARGIN, width_of(title) + 2 * _MARGIN)
    canvas = np.full((_ROW * (len(rows) + 2) + 2 * _MARGIN, width, 3), _GROUND, np.uint8)

    def write(text: str, x: int, row: int) -> None:
        y = _MARGIN + row * _ROW + (_ROW + _TEXT_HEIGHT) // 2
        cv2.putText(canvas, text, (x, y), FONT, scale, _INK, 1, cv2.LINE_AA)

    write(title, _MARGIN, 0)
    x = _MARGIN
    for part, color in parts.items():
        top = _MARGIN + _ROW + (_ROW - _SWATCH) // 2
        canvas[top : top + _SWATCH, x : x + _SWATCH] = color
        write(part, x + _SWATCH + _MARGIN // 2, 1)
        x += _SWATCH + width_of(part) + 2 * _MARGIN
    for row, (name, values) in enumerate(rows.items(), start=2):
        write(name, _MARGIN, row)
        write(totals[name], left + _LENGTH + _MARGIN // 2, row)
        top = _MARGIN + row * _ROW + (_ROW - _BAR) // 2
        ends = left + np.round(np.cumsum(values) / max(sum(values), 1e-12) * _LENGTH).astype(int)
        for start, end, color in zip([left, *ends], ends, parts.values(), strict=False):
            canvas[top : top + _BAR, start:end] = color
    return canvas
