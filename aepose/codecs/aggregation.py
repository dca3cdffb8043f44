"""Aggregation of the network outputs of an image over outputs, flip and test scales.

Each aggregated map is written once, into memory that is taken once, in the order in which decoding
reads it fastest: tags come out planar, (L, K, H, W).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from aepose.structures import HeadOutput

Size = tuple[int, int]
"""(W, H)."""


def flip_back(output: HeadOutput, flip_index: torch.Tensor) -> HeadOutput:
    """Undo the mirroring of the maps of a mirrored picture: columns and left/right channels.

    flip_index: (K,) keypoint k of the mirrored picture is keypoint ``flip_index[k]``. A single
    tag map for all keypoints has no channels to exchange.
    """

    def undo(maps: torch.Tensor | None) -> torch.Tensor | None:
        if maps is None:
            return None
        return (maps if maps.shape[1] == 1 else maps.index_select(1, flip_index)).flip(3)

    return HeadOutput(undo(output.heatmaps), undo(output.tags))


def to_last_size(outputs: Sequence[HeadOutput], align_corners: bool) -> list[HeadOutput]:
    """Return outputs of one pass, lowest resolution first, in the size of the last one."""
    last = outputs[-1].tags if outputs[-1].heatmaps is None else outputs[-1].heatmaps
    size = last.shape[3], last.shape[2]
    return [HeadOutput(*(None if maps is None else _resize(maps, size, align_corners)
                         for maps in (output.heatmaps, output.tags))) for output in outputs]


def aggregate(
    scales: Sequence[float],
    passes: Iterable[Sequence[Sequence[HeadOutput]]],
    size: Size | None,
    align_corners: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Aggregate outputs, flip passes and test scales of images of one size.

    scales: largest first
    passes: per scale, the head's outputs for the pictures and, with flip test, for their mirror
        images (flipped back), equally many each; those without heatmaps do not count there. One
        scale is asked for after the other, so that a generator need not keep them all.
    size: (W, H) that all maps are resized to, or None for that of the first scale's last output
    align_corners: of that bilinear resize

    Returns heatmaps (N, K, H, W), averaged over outputs, flip and scales, and tags
    (N, K or 1, H, W, L), stacked over flip, of scale 1 (or of the only scale). Both are float32 and
    carry no gradients.

    Raises ValueError unless exactly one output has tags.
    """
    tag_scale = list(scales).index(1) if len(scales) > 1 else 0
    average = _Average(size, align_corners)
    for index, outputs in enumerate(passes):
        for maps in heatmap_parts(outputs, size is not None, align_corners):
            average.add(maps)
        if index == tag_scale:
            tags = [only_tags(of_pass) for of_pass in outputs]
    heatmaps = average.result()
    first = tags[0]
    planes = _buffer((len(first), len(tags), first.shape[1], *heatmaps.shape[2:]), first.device)
    for number, of_pass in enumerate(tags):
        _write(of_pass, planes[:, number], align_corners)
    return heatmaps, planes.permute(0, 2, 3, 4, 1)


def heatmap_parts(
    passes: Sequence[Sequence[HeadOutput]], enlarged: bool, align_corners: bool
) -> Iterator[torch.Tensor]:
    """Yield maps (N, K, h, w) of one scale, whose mean at the final size is that of the scale.

    enlarged: whether they are still to be resized, to one size; else all have that of the last
        output
    """
    parts = [[o.heatmaps for o in outputs if o.heatmaps is not None] for outputs in passes]
    if enlarged:
        # Resizing is linear: averaged before or after, maps differ by rounding alone, and before,
        # there is less to resize.
        yield from (mean(of_output) for of_output in zip(*parts, strict=True))
        return
    # Without an enlargement there is little to save. The last digit then decides where a DARK step
    # on a flat map goes; in this order it is the one of published results.
    last = parts[0][-1].shape[3], parts[0][-1].shape[2]
    yield mean([mean([_resize(h, last, align_corners) for h in maps]) for maps in parts])


def only_tags(outputs: Sequence[HeadOutput]) -> torch.Tensor:
    """Return the tags (N, K or 1, h, w) of the one output that has them."""
    tags = [o.tags for o in outputs if o.tags is not None]
    if len(tags) != 1:
        raise ValueError(f"{len(tags)} outputs have tags: expected one")
    return tags[0]


def mean(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean of maps of one size, without a copy of a single one."""
    if len(maps) == 1:
        return maps[0]
    total = maps[0] + maps[1]
    for more in maps[2:]:
        total += more
    return total.div_(len(maps))


class _Average:
    """The mean of maps that are brought to one size, gathered in one buffer.

    size: (W, H), or None for that of the first maps
    """

    def __init__(self, size: Size | None, align_corners: bool) -> None:
        self._size, self._align_corners = size, align_corners
        self._count = 0

    def add(self, maps: torch.Tensor) -> None:
        """Add (N, K, h, w)."""
        if not self._count:
            side = tuple(maps.shape[2:]) if self._size is None else self._size[::-1]
            self._total = _buffer((*maps.shape[:2], *side), maps.device)
        _write(maps, self._total, self._align_corners, add=self._count > 0)
        self._count += 1

    def result(self) -> torch.Tensor:
        return self._total.div_(self._count) if self._count > 1 else self._total


def _buffer(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Return float32 memory that nothing has been written to yet."""
    if device.type != "cpu":
        return torch.empty(shape, device=device)
    # NumPy asks the system for large pages. With small ones, getting the memory of a picture's maps
    # takes longer than filling it.
    return torch.from_numpy(np.empty(shape, np.float32))


def _write(maps: torch.Tensor, to: torch.Tensor, align_corners: bool, add: bool = False) -> None:
    """Write, or add, maps (N, C, h, w) resized to (N, C, H, W)."""
    size = to.shape[3], to.shape[2]
    maps = maps.detach()
    # On a CPU map by map: what has just been resized is still in the cache when it is copied.
    parts = [(maps, to)] if maps.device.type != "cpu" else [
        (maps[n : n + 1, c : c + 1], to[n : n + 1, c : c + 1])
        for n, c in np.ndindex(tuple(maps.shape[:2]))]
    for part, target in parts:
        resized = _resize(part, size, align_corners)
        if add:
            target += resized
        else:
            target.copy_(resized)


def _resize(maps: torch.Tensor, size: Size, align_corners: bool) -> torch.Tensor:
    """Bilinear resize of (N, C, H, W) to ``size`` (W, H)."""
    if (maps.shape[3], maps.shape[2]) == tuple(size):
        return maps
    return F.interpolate(maps, size=(size[1], size[0]), mode="bilinear",
                         align_corners=align_corners)
