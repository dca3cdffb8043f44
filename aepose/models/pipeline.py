"""Network and decoding side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

import torch

from aepose.codecs.core import core
from aepose.models.associative_embedding import AssociativeEmbedding
from aepose.structures import EvalItem, PoseResult

# Batches whose maps wait to be decoded while the network has the next one.
_AHEAD = 2

Batch = dict[str, Any]


def find_people(
    model: AssociativeEmbedding, batches: Iterable[Batch]
) -> Iterator[tuple[Batch, list[PoseResult]]]:
    """Yield each batch of test pictures with its results, in order.

    While the network runs, other threads decode the maps of the batches before; so results come up
    to two batches late. Raises what network and decoding raise; later batches are then lost.
    """
    waiting: deque[tuple[Batch, list[Future[PoseResult]]]] = deque()
    pool = ThreadPoolExecutor(_decoders(), "decode")
    try:
        for batch in batches:
            with torch.no_grad():
                maps = model.joined_maps(**model.data_preprocessor(batch))
            device = maps[0][0].device
            made = (torch.cuda.current_stream(device).record_event()
                    if device.type == "cuda" else None)
            waiting.append(
                (batch, [pool.submit(_decode, model, *of_one, made) for of_one in maps]))
            if len(waiting) > _AHEAD:
                yield _finish(*waiting.popleft())
        while waiting:
            yield _finish(*waiting.popleft())
    finally:
        # After an error nobody asks for the others.
        pool.shutdown(cancel_futures=True)


def _decode(
    model: AssociativeEmbedding, heatmaps: torch.Tensor, tags: torch.Tensor, item: EvalItem,
    made: torch.cuda.Event | None,
) -> PoseResult:
    """Decode maps; on a GPU once they are made, and beside the network, not behind its next pass.

    The compiled core decodes copies of theirs: threads run it side by side, while searches on the
    GPU are many short kernels that Python starts one by one. These serve where there is no core.
    """
    if made is None:
        return model.decode(heatmaps, tags, item)
    stream = _decode_stream(heatmaps.device)
    with torch.cuda.stream(stream):
        stream.wait_event(made)
        for maps in (heatmaps, tags):
            maps.record_stream(stream)  # its memory is not given to others before
        if core() is None:
            return model.decode(heatmaps, tags, item)
        heatmaps, tags = (maps.to("cpu", non_blocking=True) for maps in (heatmaps, tags))
        copied = torch.cuda.Event(blocking=True)
        copied.record(stream)
    copied.synchronize()
    return model.decode(heatmaps, tags, item)


@cache
def _decode_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of a GPU for decoding: each stream keeps memory of its own."""
    return torch.cuda.Stream(device, priority=-1)


def _finish(batch: Batch, futures: list[Future[PoseResult]]) -> tuple[Batch, list[PoseResult]]:
    return batch, [future.result() for future in futures]


def _decoders() -> int:
    """Return how many threads decode: few, as the network needs the processors, too."""
    return max(1, min(8, (os.cpu_count() or 1) // 2))
