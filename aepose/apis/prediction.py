"""A run of a network over the pictures of a source: what is read, batched, found, left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from time import perf_counter
from typing import Any, Literal

import numpy as np

from aepose.apis.sources import Picture
from aepose.codecs.decoder import Decoder
from aepose.codecs.overlap import Found
from aepose.datasets.same_size import same_size_batches
from aepose.datasets.transforms.resize import make_eval_item
from aepose.errors import DataError, warn_once
from aepose.progress import progress_bar
from aepose.results import PoseResult
from aepose.structures import EvalItem

# Batches' worth of pictures among which those of one size are looked for.
_READ_AHEAD = 8
_SHOWN = 10  # messages of pictures that were left out

OnError = Literal["raise", "skip"] | Callable[[DataError], None]
"""What is done about a picture of many that cannot be read; a function is called with the error."""


class Predictions(Iterator[PoseResult]):
    """Results as they are ready, in the order of their source.

    failures: what was wrong with each picture that was skipped, as far as results were taken; in
        the end a warning counts them
    """

    def __init__(
        self, results: Iterator[PoseResult], failures: Failures, total: int | None, progress: bool
    ) -> None:
        self._failures = failures
        self._results = self._shown(results, total) if progress else results

    @property
    def failures(self) -> list[str]:
        """The messages of pictures left out."""
        return self._failures.messages

    def __next__(self) -> PoseResult:
        return next(self._results)

    def close(self) -> None:
        """Stop: pictures that nobody asked for are not looked at."""
        self._results.close()

    def _shown(self, results: Iterator[PoseResult], total: int | None) -> Iterator[PoseResult]:
        with progress_bar("finding people", total) as show:
            for done, result in enumerate(results, start=1):
                show(done + len(self.failures))
                yield result


class Failures:
    """What goes wrong with pictures of many, and what is done about it.

    error: what ends the run after all results before it
    """

    def __init__(self, on_error: OnError) -> None:
        self._on_error = on_error
        self.messages: list[str] = []
        self.error: Exception | None = None

    def note(self, error: Exception, number: int, picture: Picture | None) -> None:
        """Take an error of the picture of that number; None: of the source itself."""
        if isinstance(error, DataError) and picture is not None and not picture.path:
            error = DataError(f"picture {number} of the source: {error}")
        if not isinstance(error, DataError) or self._on_error == "raise" or picture is None:
            self.error = error
            return
        self.messages.append(str(error))
        if callable(self._on_error):
            self._on_error(error)

    def finish(self) -> None:
        """Raise what ended the run, or warn of what was left out."""
        if self.error is not None:
            raise self.error
        if self.messages and self._on_error == "skip":
            shown = "".join(f"\n  {message}" for message in self.messages[:_SHOWN])
            more = "\n  …" if len(self.messages) > _SHOWN else ""
            warn_once(f"{len(self.messages)} pictures were left out:{shown}{more}")


@dataclass(frozen=True)
class Run:
    """One call of predict: how pictures become results.

    find: gives batches with their results, from batches and whether to ``overlap``
    """

    find: Callable[[Iterator[dict[str, Any]], bool], Found]
    decoder: Decoder
    scales: Sequence[float]
    batch_size: int
    min_score: float

    def results(
        self, pictures: Iterator[Picture], failures: Failures, overlap: bool = True
    ) -> Iterator[PoseResult]:
        """Yield the result of each picture, in order."""
        ready: dict[int, PoseResult] = {}
        due = 0
        for batch, results in self.find(self._batches(pictures, failures), overlap):
            for read, result in zip(batch["read"], results, strict=True):
                ready[read.place] = self._finished(read, result)
            while due in ready:
                yield ready.pop(due)
                due += 1
        failures.finish()

    def _batches(
        self, pictures: Iterator[Picture], failures: Failures
    ) -> Iterator[dict[str, Any]]:
        """Yield test batches, which also say which pictures theirs are."""
        readable = self._readable(pictures, failures)
        window = self.batch_size * (1 if self.batch_size == 1 else _READ_AHEAD)
        while reads := list(islice(readable, window)):
            sizes = [tuple(image.shape[1::-1] for image in read.item.images) for read in reads]
            for batch in same_size_batches(sizes, self.batch_size):
                chosen = [reads[position] for position in batch]
                yield {"items": [read.item for read in chosen], "read": chosen}

    def _readable(self, pictures: Iterator[Picture], failures: Failures) -> Iterator[_Read]:
        """Yield pictures as they are read, up to the error that ends the run."""
        places = count()
        for number in count(1):
            picture = None
            try:
                picture = next(pictures, None)
                if picture is None:
                    return
                start = perf_counter()
                pixels = picture.load()
                item = make_eval_item(pixels, self.decoder, self.scales,
                                      image_path=picture.path)
            except Exception as error:  # a source is the user's code: it can fail in any way
                failures.note(error, number, picture)
                if failures.error is not None:
                    return
                continue
            yield _Read(next(places), picture, item, perf_counter() - start,
                        None if picture.lasting else pixels)

    def _finished(self, read: _Read, result: PoseResult) -> PoseResult:
        result = replace(result, frame=read.picture.frame, time=read.picture.seconds,
                         seconds={"read": read.seconds, **result.seconds}, image=read.pixels)
        return result.filter(self.min_score) if self.min_score > 0 else result


@dataclass(frozen=True)
class _Read:
    """A picture that was read: its place among these, and how many seconds it took.

    pixels: (H, W, 3) uint8 RGB, where they cannot be read again
    """

    place: int
    picture: Picture
    item: EvalItem
    seconds: float
    pixels: np.ndarray | None
