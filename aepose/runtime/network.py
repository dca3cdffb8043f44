"""An exported network: batches of test images to people."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from aepose.codecs.decoder import Decoder
from aepose.codecs.overlap import Batch, Found, run_batches
from aepose.errors import CheckpointError, ImageError, NumericalError
from aepose.results import PoseResult
from aepose.runtime.description import Description
from aepose.runtime.files import read_description
from aepose.runtime.sessions import ENGINES, Session, choose_engine
from aepose.stage_clock import stage
from aepose.structures import AggregatedMaps, EvalItem


class ExportedNetwork:
    """A file of ``aepose export``, loaded.

    path: of the file; device, threads, dtype: see the sessions of :mod:`aepose.runtime.sessions`
    engine: 'onnxruntime' or 'openvino'; None: what is installed, the first of them first

    description: what the file says of itself; decoder: what finds people in its maps

    Raises CheckpointError for a file that cannot be used, ConfigError for an engine or a device
    that is not there.
    """

    def __init__(
        self, path: str | Path, engine: str | None = None, device: str = "cpu",
        threads: int | None = None, dtype: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.description: Description = read_description(path)
        if self.description.layout == "omz":
            raise CheckpointError(f"{path} was exported with --layout omz, for clients of Open "
                                  "Model Zoo; aepose runs what is exported without --layout")
        self.decoder: Decoder = self.description.decoder()
        self.engine = choose_engine(self.path, engine)
        self.session: Session = ENGINES[self.engine](self.path, device, threads, dtype)

    def find_people(
        self, batches: Iterable[Batch], overlap: bool = True, keep_maps: bool = False
    ) -> Found:
        """Yield batches of test images with their results, see :func:`run_batches`."""
        return run_batches(partial(self._run, keep_maps=keep_maps), batches, overlap)

    def maps(self, items: Sequence[EvalItem]) -> tuple[np.ndarray, np.ndarray]:
        """Return heatmaps (N, K, H, W) and tags (N, L, K or 1, H, W) of pictures of one size.

        Raises DataError for pictures of several sizes, ImageError for one that the graph does not
        take.
        """
        scales = items[0].scales
        self._check_sizes(items)
        stacks = EvalItem.stack(items)
        if len(scales) == 1:
            with stage("network"):
                return self.session.run(stacks[0])
        size = self._map_size(items[0])
        for scale, images in zip(scales, stacks, strict=True):
            with stage("network"):
                heatmaps, scale_tags = self.session.run(images, size)
            with stage("aggregate"):
                if scale == scales[0]:
                    total = heatmaps
                else:
                    total += heatmaps
                if scale == 1:
                    tags = scale_tags
        total /= len(scales)
        return total, tags

    def _map_size(self, item: EvalItem) -> tuple[int, int]:
        """Return (W, H) that the maps of all scales are brought to."""
        if self.description.project2image:
            return item.base_size
        height, width = (side // self.description.map_stride for side in item.images[0].shape[:2])
        return width, height

    def _check_sizes(self, items: Sequence[EvalItem]) -> None:
        """Raise ImageError that names a picture which the graph does not take."""
        only = self.description.size
        for item in items if only else ():
            size = item.images[0].shape[1::-1]
            if size != only:
                raise ImageError(
                    "picture {} ({}x{}) goes into the network as {}x{}, but {} takes {}x{} alone; "
                    "export it with --dynamic, or with --size {}x{}".format(
                        item.image_path or "array", *item.image_size, *size, self.path, *only,
                        *size))

    def _run(self, batch: Batch, keep_maps: bool) -> list[Callable[[], PoseResult]]:
        """Return what is left to do for each image of a batch."""
        items, start = batch["items"], time.perf_counter()
        heatmaps, tags = self.maps(items)
        seconds = (time.perf_counter() - start) / len(items)
        return [partial(self._decode, heatmaps[n], np.moveaxis(tags[n], 0, -1), item, seconds,
                        keep_maps) for n, item in enumerate(items)]

    def _decode(self, heatmaps: np.ndarray, tags: np.ndarray, item: EvalItem, seconds: float,
                keep_maps: bool) -> PoseResult:
        start = time.perf_counter()
        try:
            result = self.decoder.decode(heatmaps, tags, item)
        except ValueError:
            if np.isfinite(heatmaps).all() and np.isfinite(tags).all():
                raise
            raise NumericalError(f"picture {item.image_path}: the maps of {self.path} are not "
                                 "finite numbers; float16 overflowed, or the weights are broken: "
                                 "export it without --half") from None
        maps = AggregatedMaps(heatmaps, tags, self.decoder.map_matrix(item, heatmaps.shape[:0:-1])
                              ) if keep_maps else None
        return replace(result, maps=maps, seconds={
            "network": seconds, "decode": time.perf_counter() - start})
