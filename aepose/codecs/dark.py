"""Sub-pixel positions from the curvature of the heatmaps, for the UDP pixel convention.

The logarithm of a Gaussian peak is a paraboloid, so one Newton step from its highest cell finds its
centre. Zhang et al., Distribution-Aware Coordinate Representation for Human Pose Estimation (DARK,
CVPR 2020); Huang et al., The Devil is in the Details (UDP, CVPR 2020).
"""

from __future__ import annotations

import cv2
import numpy as np

from aepose.codecs.refine import check_people, to_cells

BLUR_KERNEL = (3, 3)
LOWEST, HIGHEST = 0.001, 50.0  # heatmap values are clipped to this range before the logarithm
RIDGE = float(np.finfo(np.float32).eps)  # added to the second derivatives along x and along y


def newton_step(people: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Return ``people`` moved by one Newton step on the logarithm of the blurred heatmaps.

    people: (P, K, 3 + L) float32, x, y, score, tags; x and y whole pixels of the heatmaps
    heatmaps: (K, H, W) float32, left as they are

    All keypoints move, also those without a score, which stand at (0, 0): where a heatmap has no
    peak the step can be long. They keep their score of 0, and
    :func:`aepose.codecs.refine.refine` replaces those that it can.

    Raises ValueError for people that do not fit the heatmaps.
    """
    check_people(people, heatmaps)
    x, y, xx, xy, yy = _derivatives(_log_patches(people, heatmaps))
    xx, yy = xx + RIDGE, yy + RIDGE
    determinant = xx * yy - xy * xy
    # Where the ridge just cancels the curvature there is no way to go: such a keypoint stays.
    inverse = np.divide(1, determinant, out=np.zeros_like(determinant), where=determinant != 0)
    step = np.stack([yy * x - xy * y, xx * y - xy * x], axis=-1) * inverse[..., None]
    moved = people.copy()
    moved[..., :2] -= step
    return moved


def _log_patches(people: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Return (P, K, 3, 3) float32 logarithms of the blurred heatmaps around each keypoint.

    The last axes are rows and columns. Cells outside the map have the values of the border.
    """
    num_keypoints, height, width = heatmaps.shape
    blurred = np.stack([cv2.GaussianBlur(heatmap, BLUR_KERNEL, 0) for heatmap in heatmaps])
    cells = to_cells(people[..., :2].reshape(-1, 2), heatmaps).reshape(2, *people.shape[:2], 1)
    x, y = cells + np.arange(-1, 2)
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    keypoint = np.arange(num_keypoints)[:, None, None]
    patches = blurred[keypoint, y[..., :, None], x[..., None, :]]
    # After gathering, not before: people have few cells, maps have many.
    return np.log(np.clip(patches, LOWEST, HIGHEST))


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
