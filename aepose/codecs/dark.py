"""Sub-pixel positions from the curvature of the heatmaps.

The logarithm of a Gaussian peak is a paraboloid, so one Newton step from its highest cell finds its
centre. Zhang et al., Distribution-Aware Coordinate Representation for Human Pose Estimation (DARK,
CVPR 2020); Huang et al., The Devil is in the Details (UDP, CVPR 2020).
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Literal

import numpy as np

from aepose.codecs.array_maps import core_for
from aepose.codecs.refine import check_people, to_cells

Subpixel = Literal["quarter", "newton"]  # ways to find positions between cells, see Decoder
BLUR = np.float32([0.25, 0.5, 0.25])  # OpenCV's Gaussian of three cells
LOWEST, HIGHEST = 0.001, 50.0  # heatmap values are clipped to this range before the logarithm
RIDGE = float(np.finfo(np.float32).eps)  # added to the second derivatives along x and along y


def newton_step(people: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Return ``people`` moved by one Newton step on the logarithm of the blurred heatmaps.

    people: (P, K, 3 + L) float32, x, y, score, tags; x and y whole pixels of the heatmaps
    heatmaps: (K, H, W) float32, left as they are

    All keypoints move, also those without a score, which stand at (0, 0): where a heatmap has no
    peak the step can be long. They keep their score of 0, and
    :func:`aepose.codecs.refine.refine` replaces those that it can. Cells are addressed by integers.
    Published results of whole-body networks were made with float32 addresses, which beyond 2**24
    cells in all, such as 133 maps of 706 x 514, name neighbouring cells; those errors are not
    repeated.

    Raises ValueError for people that do not fit the heatmaps.
    """
    check_people(people, heatmaps)
    compiled = core_for(people, heatmaps)
    if compiled is not None and _same_logarithm(compiled):
        return compiled.newton_step(np.require(people, requirements="CA"), heatmaps)
    x, y, xx, xy, yy = _derivatives(_log_patches(people, heatmaps))
    xx, yy = xx + RIDGE, yy + RIDGE
    determinant = xx * yy - xy * xy
    # Where the ridge just cancels the curvature there is no way to go: such a keypoint stays.
    inverse = np.divide(1, determinant, out=np.zeros_like(determinant), where=determinant != 0)
    step = np.stack([yy * x - xy * y, xx * y - xy * x], axis=-1) * inverse[..., None]
    moved = people.copy()
    moved[..., :2] -= step
    return moved


def step_in_cells(people: np.ndarray, heatmaps: np.ndarray, offset: float) -> np.ndarray:
    """Return ``people`` with found keypoints moved as in :func:`newton_step`, half a cell at most.

    offset: added to x and y of those, from the corner of a cell to its centre
    """
    steps = np.clip(newton_step(people, heatmaps)[..., :2] - people[..., :2], -0.5, 0.5)
    moved = people.copy()
    moved[..., :2] += np.where(people[..., 2:3] > 0, steps + np.float32(offset), np.float32(0))
    return moved


@cache
def _same_logarithm(compiled: ModuleType) -> bool:
    """Tell whether the core's logarithm is that of NumPy here, which varies with processors."""
    values = np.geomspace(LOWEST, HIGHEST, 4096, dtype=np.float32)
    return np.array_equal(compiled.logarithm(values), np.log(values))


def _log_patches(people: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Return (P, K, 3, 3) float32 logarithms of the blurred heatmaps around each keypoint.

    The last axes are rows and columns. Cells outside the map have the values of the border. Only
    the cells that count are blurred, as cv2.GaussianBlur does it to the last bit: people have few
    cells, maps have many.
    """
    height, width = heatmaps.shape[1:]
    cells = to_cells(people[..., :2].reshape(-1, 2), heatmaps).reshape(2, *people.shape[:2])
    x, y = _neighbourhoods(cells[0], width), _neighbourhoods(cells[1], height)
    keypoint = np.arange(people.shape[1])[:, None, None, None, None]
    around = heatmaps[keypoint, y[..., :, None, :, None], x[..., None, :, None, :]]
    rows = _blur(np.moveaxis(around, -1, 0))
    return np.log(np.clip(_blur(np.moveaxis(rows, -1, 0)), LOWEST, HIGHEST))


def _neighbourhoods(cell: np.ndarray, size: int) -> np.ndarray:
    """Return (..., 3, 3) positions: of a cell and its neighbours the three to blur over.

    cell: (...) along an axis of ``size`` cells. The first 3 stay inside the map; where the last 3
    leave it, they come back as in a mirror that stands in the middle of the border cell.
    """
    middle = np.clip(cell[..., None] + np.arange(-1, 2), 0, size - 1)
    reached = np.abs(middle[..., None] + np.arange(-1, 2))
    return np.maximum(0, size - 1 - np.abs(size - 1 - reached))


def _blur(three: np.ndarray) -> np.ndarray:
    """Return the weighted mean of (3, ...) float32 cells in a row."""
    before, here, after = three
    return BLUR[1] * here + BLUR[0] * (before + after)


def _derivatives(patches: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the derivatives x, y, xx, xy, yy, each (P, K) float64, in the middle of the patches.

    patches: (P, K, 3, 3) float32

    In float32, and in the order of terms of the published results: where a heatmap is almost flat,
    rounding decides where the step goes. The mixed derivative takes the cells on the axes and on
    the falling diagonal, seven of the nine.
    """
    half = np.float32(0.5)
    center, left, right = patches[..., 1, 1], patches[..., 1, 0], patches[..., 1, 2]
    above, below = patches[..., 0, 1], patches[..., 2, 1]
    first, last = patches[..., 0, 0], patches[..., 2, 2]
    derivatives = (
        half * (right - left),
        half * (below - above),
        right - 2 * center + left,
        half * (last - right - below + center + center - left - above + first),
        below - 2 * center + above,
    )
    return tuple(d.astype(np.float64) for d in derivatives)
