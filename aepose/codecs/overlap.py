"""Finding people in batch after batch, network and decoding side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from aepose.results import PoseResult

# Batches whose maps wait to be decoded while the network has the next one.
_AHEAD = 2

Batch = dict[str, Any]
"""Test images; those of the data sets are in ``items``."""
Found = Iterator[tuple[Batch, list[PoseResult]]]
Run = Callable[[Batch], list[Callable[[], PoseResult]]]
"""Runs the network on a batch; what is left to do for each image is to be called."""


def run_batches(run: Run, batches: Iterable[Batch], overlap: bool = True) -> Found:
    """Yield each batch of test images with its results, in order.

    overlap: let other threads decode the maps of the batches before while the network runs, so that
        results come up to two batches late; else all is done in this thread, one after the other,
        as :class:`~aepose.stage_clock.StageClock` needs it

    Raises what network and decoding raise; later batches are then lost.
    """
    return (_overlapped if overlap else _one_by_one)(run, batches)


def _one_by_one(run: Run, batches: Iterable[Batch]) -> Found:
    for batch in batches:
        yield batch, [decode() for decode in run(batch)]


def _overlapped(run: Run, batches: Iterable[Batch]) -> Found:
    waiting: deque[tuple[Batch, list[Future[PoseResult]]]] = deque()
    pool = ThreadPoolExecutor(_decoders(), "decode")
    try:
        for batch in batches:
            waiting.append((batch, [pool.submit(decode) for decode in run(batch)]))
            if len(waiting) > _AHEAD:
                yield _finish(*waiting.popleft())
        while waiting:
            yield _finish(*waiting.popleft())
    finally:
        # After an error nobody asks for the others.
        pool.shutdown(cancel_futures=True)


def _finish(batch: Batch, futures: list[Future[PoseResult]]) -> tuple[Batch, list[PoseResult]]:
    return batch, [future.result() for future in futures]


def _decoders() -> int:
    """Return how many threads decode: few, as the network needs the processors, too."""
    return max(1, min(8, (os.cpu_count() or 1) // 2))
