"""Smoothing of keypoints over time: online with the One-Euro filter, offline with Savitzky-Golay.

Both work on one person's keypoints in pixels, scaled by the person's size: what is smoothed near
the camera is smoothed far away. A keypoint that was not found does not pull.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from aepose.film.tracking import middle


class OneEuro:
    """The One-Euro filter (Casiez et al., CHI 2012) of the people of a film, frame by frame.

    Slow movements are smoothed strongly, fast ones hardly, so that little lags behind.

    frames_per_second: of the film
    min_cutoff: hertz; what a resting keypoint is smoothed with, the lower the more
    beta: hertz per body size a second, by which the cutoff rises with speed; the higher the less
        lags behind
    forget: frames after which somebody who is not there is forgotten
    """

    def __init__(self, frames_per_second: float, min_cutoff: float = 1.5, beta: float = 3.0,
                 forget: int = 60) -> None:
        for name, value in (("frames_per_second", frames_per_second), ("min_cutoff", min_cutoff)):
            if not value > 0:
                raise ValueError(f"{name} = {value} must be above 0")
        self._rate, self._min_cutoff, self._beta = frames_per_second, min_cutoff, beta
        self._forget = forget
        self._people: dict[Hashable, _Smoothed] = {}
        self._frame = 0

    def update(self, keypoints: np.ndarray, found: np.ndarray,
               identities: Sequence[int]) -> np.ndarray:
        """Return the (P, K, 2) smoothed keypoints of the next frame.

        keypoints: (P, K, 2) pixels; found: (P, K) bool; identities: (P,), -1 for a pose without
        one, which stays as it is
        """
        smoothed = np.array(keypoints, np.float64)
        for p, identity in enumerate(identities):
            if identity < 0:
                continue
            person = self._people.get(identity)
            if person is None:
                person = self._people[identity] = _Smoothed(smoothed.shape[1], self._frame)
            smoothed[p] = self._smooth(person, smoothed[p], found[p])
        self._frame += 1
        self._people = {identity: person for identity, person in self._people.items()
                        if self._frame - person.last <= self._forget}
        return smoothed

    def _smooth(self, person: _Smoothed, keypoints: np.ndarray, found: np.ndarray) -> np.ndarray:
        """Return one person's keypoints; those not found are moved along with the others."""
        person.grow(_size(keypoints[found]))
        seconds = np.maximum(self._frame - person.seen, 1)[:, None] / self._rate
        old = found & person.known
        speed = (keypoints - person.keypoints) / seconds / person.size
        alpha = _alpha(seconds, _SPEED_CUTOFF)
        person.speed = np.where(old[:, None], person.speed + alpha * (speed - person.speed),
                                person.speed)
        cutoff = self._min_cutoff + self._beta * np.hypot(*person.speed.T)[:, None]
        moved = person.keypoints + _alpha(seconds, cutoff) * (keypoints - person.keypoints)
        # Where the person was never seen, a filled-in place is all there is.
        body = middle((moved - person.keypoints)[old]) if old.any() else np.zeros(2)
        carried = np.where(person.known[:, None], person.keypoints + body, keypoints)
        person.keypoints = np.where(old[:, None], moved,
                                    np.where(found[:, None], keypoints, carried))
        person.seen = np.where(found, self._frame, person.seen)
        person.known = person.known | found
        person.last = self._frame
        return person.keypoints


_SPEED_CUTOFF = 1.0  # hertz, of the speed itself; the authors' value
_GROW = 0.1  # share of a new size that a person takes on per frame


class _Smoothed:
    """What the filter knows of one person: keypoints (K, 2), their speed (K, 2) in sizes a second,
    known (K,), the frame (K,) each was last found in, and the size in pixels."""

    def __init__(self, count: int, frame: int) -> None:
        self.keypoints, self.speed = np.zeros((count, 2)), np.zeros((count, 2))
        self.known, self.seen = np.zeros(count, bool), np.full(count, frame)
        self.size, self.last = 0.0, frame

    def grow(self, size: float) -> None:
        self.size = size if self.size == 0 else self.size + _GROW * (size - self.size)


def _alpha(seconds: np.ndarray, cutoff: np.ndarray | float) -> np.ndarray:
    """The share of the way to a new value that a low-pass filter goes."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))


def _size(points: np.ndarray) -> float:
    """The square root of the area of the box of (N, 2) points, at least 1 pixel."""
    return max(math.sqrt(np.ptp(points, axis=0).prod()), 1.0) if len(points) else 1.0


def savitzky_golay(keypoints: np.ndarray, found: np.ndarray, window: int = 9,
                   order: int = 2) -> np.ndarray:
    """Return one person's (T, K, 2) keypoints, smoothed with what comes before and after.

    keypoints: (T, K, 2) pixels of T frames in a row; found: (T, K) bool
    window: odd number of frames that a polynomial of ``order`` is fitted to

    A frame in which a keypoint was not found has no weight in the fit, and gets the value of the
    polynomial; where fewer than order + 1 frames of a window have it, it stays as it is. Nothing
    is delayed; the unit of length does not matter, so people of all sizes are smoothed alike.

    Raises ValueError for a window that is even or not longer than ``order``.
    """
    if window % 2 == 0 or window <= order or order < 0:
        raise ValueError(f"window = {window} must be odd and more than order = {order}")
    half = window // 2
    powers = np.arange(-half, half + 1)[:, None] ** np.arange(order + 1)
    padded = np.pad(np.asarray(keypoints, np.float64), ((half, half), (0, 0), (0, 0)))
    weights = np.pad(np.asarray(found, np.float64), ((half, half), (0, 0)))
    values = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)
    weight = np.lib.stride_tricks.sliding_window_view(weights, window, axis=0)
    normal = np.einsum("tkw,wi,wj->tkij", weight, powers, powers)
    moments = np.einsum("tkw,tkcw,wi->tkci", weight, values, powers)
    enough = weight.sum(axis=2) > order
    normal[~enough] = np.eye(order + 1)
    fitted = np.linalg.solve(normal[:, :, None], moments[..., None])[..., 0, 0]
    return np.where(enough[..., None], fitted, keypoints)
