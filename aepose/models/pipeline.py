"""Inference pipeline: batches of images to people, network and decoding side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial

import torch

from aepose.codecs.core import core
from aepose.codecs.overlap import Batch, Found, run_batches
from aepose.models.associative_embedding import AssociativeEmbedding
from aepose.results import PoseResult
from aepose.stage_clock import stage
from aepose.structures import AggregatedMaps, EvalItem


def find_people(
    model: AssociativeEmbedding, batches: Iterable[Batch], overlap: bool = True,
    keep_maps: bool = False,
) -> Found:
    """Yield each batch of test images with its results, as :func:`run_batches` does.

    model: in evaluation mode; :meth:`AssociativeEmbedding.prepare_for_test` gives a faster one
    keep_maps: give each result the maps that its people were found in

    Warns of outputs that are used without having been trained.
    """
    model.warn_of_untrained_outputs()
    return run_batches(partial(_run_network, model, keep_maps=keep_maps), batches, overlap)


def _run_network(
    model: AssociativeEmbedding, batch: Batch, keep_maps: bool
) -> list[Callable[[], PoseResult]]:
    """Return what is left to do for each image of a batch."""
    inputs = model.data_preprocessor(batch)
    items = inputs["items"]
    made = _Moment(inputs["images"][0].device)
    with torch.no_grad():
        heatmaps, tags = model.aggregate(inputs["images"], items[0])
    made.note()
    return [partial(_decode, model, AggregatedMaps(*maps), item, made, len(items), keep_maps)
            for *maps, item in zip(heatmaps, tags, items, strict=True)]


class _Moment:
    """When the maps of a batch are made, on a CPU or a GPU, and how long it took."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.event = self._now()
        self._start = self.event

    def note(self) -> None:
        """Say that what makes the maps is done or, on a GPU, on its way."""
        self.event = self._now()

    def _now(self) -> torch.cuda.Event | float:
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    def seconds(self) -> float:
        """Return what passed since the start; on a GPU once the maps were read."""
        if isinstance(self.event, float):
            return self.event - self._start
        return self._start.elapsed_time(self.event) / 1000


def _decode(
    model: AssociativeEmbedding, maps: AggregatedMaps, item: EvalItem, made: _Moment, images: int,
    keep_maps: bool,
) -> PoseResult:
    """Decode maps; on a GPU once they are made, and beside the network, not behind its next pass.

    The compiled core decodes copies of theirs: threads run it side by side, while searches on the
    GPU are many short kernels that Python starts one by one. These serve where there is no core.
    """
    start = time.perf_counter()
    if made.device.type != "cuda":
        result = model.decode(maps.heatmaps, maps.tags, item)
    else:
        stream = _decode_stream(maps.heatmaps.device)
        with torch.cuda.stream(stream):
            stream.wait_event(made.event)
            for part in (maps.heatmaps, maps.tags):
                part.record_stream(stream)  # its memory is not given to others before
            with stage("peaks"):  # which are the first to read the maps
                heatmaps, tags = _on_host(maps, stream)
            result = model.decode(heatmaps, tags, item)
    seconds = {"network": made.seconds() / images, "decode": time.perf_counter() - start}
    if keep_maps:
        maps = replace(maps, matrix=model.codec.map_matrix(item, maps.heatmaps.shape[2:0:-1]))
    return replace(result, seconds=seconds, maps=maps if keep_maps else None)


def _on_host(
    maps: AggregatedMaps, stream: torch.cuda.Stream
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return copies of maps for the compiled core, or the maps themselves where there is none."""
    if core() is None:
        return maps.heatmaps, maps.tags
    heatmaps, tags = (part.to("cpu", non_blocking=True) for part in (maps.heatmaps, maps.tags))
    copied = torch.cuda.Event(blocking=True)
    copied.record(stream)
    copied.synchronize()
    return heatmaps, tags


@cache
def _decode_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of a GPU for decoding: each stream keeps memory of its own."""
    return torch.cuda.Stream(device, priority=-1)
