"""Results of a film, frame by frame: who is who, and where they are when it is smoothed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from aepose.errors import ConfigError
from aepose.film.smoothing import OneEuro, savitzky_golay
from aepose.film.tracking import NOBODY, Identities, Tracker
from aepose.metainfo import Metainfo
from aepose.results import PoseResult

Smoothing = Literal["one-euro", "savgol"] | None
_HALF = 4  # frames before and after, that Savitzky-Golay goes by


class Followed(Iterator[PoseResult]):
    """Results that get ``identities`` as they go by, and count what went by.

    metainfo: of the results; each class is followed by itself, so that nobody changes it
    individuals: how many there are in all, where that is known; see
        :class:`~aepose.film.tracking.Tracker`

    frames, people: numbers of both; classes: of the identities that were given, the class of each,
    as its index; doubtful: numbers of the frames in which it is doubtful who is who
    """

    def __init__(self, results: Iterable[PoseResult], metainfo: Metainfo,
                 individuals: int | None = None) -> None:
        identities = Identities(individuals)
        self._results = iter(results)
        self._trackers = [(one.keypoints, Tracker(one.metainfo.sigmas, individuals,
                                                  identities=identities))
                          for one in metainfo.classes]
        self.frames = self.people = 0
        self.classes: dict[int, int] = {}
        self.doubtful: list[int] = []

    def __next__(self) -> PoseResult:
        result = next(self._results)
        identities = np.full(len(result), NOBODY, np.int64)
        doubtful = False
        for index, (own, tracker) in enumerate(self._trackers):
            people = np.flatnonzero(result.class_ids == index)
            tracked = tracker.update(result.keypoints[people, own], result.found[people, own],
                                     result.scores[people])
            identities[people] = tracked.identities
            doubtful |= tracked.doubtful
            self.classes |= dict.fromkeys(
                tracked.identities[tracked.identities != NOBODY].tolist(), index)
        self.frames += 1
        self.people += len(result)
        if doubtful:
            self.doubtful.append(result.frame)
        return replace(result, identities=identities)


def smoothed(
    results: Iterable[PoseResult], kind: Smoothing, frames_per_second: float
) -> Iterator[PoseResult]:
    """Return followed results with smooth positions.

    kind: 'one-euro', which knows the frames before, 'savgol', which looks four frames ahead, too,
        or None, which changes nothing

    Scores, tags and what was found stay. Raises ConfigError for another kind.
    """
    if kind is None:
        return iter(results)
    if kind == "one-euro":
        return _one_euro(results, OneEuro(float(frames_per_second)))
    if kind == "savgol":
        return _savitzky_golay(results)
    raise ConfigError(f"smoothing = {kind!r}: give 'one-euro', 'savgol' or None")


def _one_euro(results: Iterable[PoseResult], smoother: OneEuro) -> Iterator[PoseResult]:
    for result in results:
        places = smoother.update(result.keypoints, result.found, result.identities)
        yield replace(result, keypoints=places.astype(np.float32))


def _savitzky_golay(results: Iterable[PoseResult]) -> Iterator[PoseResult]:
    """Smooth each frame when those after it are known."""
    around: deque[PoseResult | None] = deque([None] * (2 * _HALF + 1), 2 * _HALF + 1)
    for result in results:
        around.append(result)
        if around[_HALF] is not None:
            yield _middle(around)
    for _ in range(_HALF):
        around.append(None)
        if around[_HALF] is not None:
            yield _middle(around)


def _middle(around: deque[PoseResult | None]) -> PoseResult:
    """Return the middle one of an odd number of frames, of which the ends may not exist."""
    middle = around[_HALF]
    people = np.flatnonzero(middle.identities != NOBODY)
    if not len(people):
        return middle
    shape = len(around), len(people), middle.keypoints.shape[1]
    places, found = np.zeros((*shape, 2)), np.zeros(shape, bool)
    for frame, result in enumerate(around):
        if result is None:
            continue
        same = result.identities[None] == middle.identities[people][:, None]
        rows, columns = np.nonzero(same)
        places[frame, rows], found[frame, rows] = result.keypoints[columns], result.found[columns]
    fitted = savitzky_golay(places.reshape(len(around), -1, 2), found.reshape(len(around), -1),
                            window=len(around))[_HALF]
    keypoints = middle.keypoints.copy()
    keypoints[people] = fitted.reshape(*shape[1:], 2)
    return replace(middle, keypoints=keypoints)
