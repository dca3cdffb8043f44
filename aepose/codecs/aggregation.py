"""Joining the network outputs of one picture over outputs, flip and test scales.

Tags are resized once, and come out planar, (L, K, H, W) in memory, which decoding reads fastest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F

from aepose.structures import HeadOutput


def _resize(maps: torch.Tensor, size: tuple[int, int], align_corners: bool) -> torch.Tensor:
    """Bilinear resize of (N, C, H, W) to ``size`` (W, H)."""
    if (maps.shape[3], maps.shape[2]) == tuple(size):
        return maps
    return F.interpolate(maps, size=(size[1], size[0]), mode="bilinear",
                         align_corners=align_corners)


def flip_back(output: HeadOutput, flip_index: torch.Tensor) -> HeadOutput:
    """Undo the mirroring of the maps of a mirrored picture: columns and left/right channels.

    flip_index: (K,) keypoint k of the mirrored picture is keypoint ``flip_index[k]``. A single
    tag map for all keypoints has no channels to exchange.
    """

    def undo(maps: torch.Tensor | None) -> torch.Tensor | None:
        if maps is None:
            return None
        maps = maps.flip(3)
        return maps if maps.shape[1] == 1 else maps[:, flip_index]

    return HeadOutput(undo(output.heatmaps), undo(output.tags))


def join_outputs(
    passes: Sequence[Sequence[HeadOutput]], size: tuple[int, int] | None, align_corners: bool
) -> torch.Tensor:
    """Return heatmaps (N, K, H, W) of one test scale, averaged over flip passes and outputs.

    passes: the head's outputs for the picture and, with flip test, for its mirror image (flipped
        back), equally many each; those without heatmaps do not count
    size: (W, H) that all maps are resized to, or None for that of the last output
    """
    passes = [[o.heatmaps for o in outputs if o.heatmaps is not None] for outputs in passes]
    if size is not None:
        # Resizing is linear: averaged before or after, maps differ by rounding alone, and before,
        # there is less to resize.
        return _mean(
            _resize(_mean(parts), size, align_corners) for parts in zip(*passes, strict=True))
    # Without an enlargement there is little to save. The last digit then decides where a DARK step
    # on a flat map goes; in this order it is the one of published results.
    size = passes[0][-1].shape[3], passes[0][-1].shape[2]
    return _mean(_mean(_resize(h, size, align_corners) for h in outputs) for outputs in passes)


def join_scales(
    scales: Sequence[float],
    passes: Iterable[Sequence[Sequence[HeadOutput]]],
    size: tuple[int, int] | None,
    align_corners: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Join test scales and flip passes of one picture.

    scales: largest first. passes: per scale, what :func:`join_outputs` takes; one scale is asked
        for after the other, so that a generator need not keep them all
    size: (W, H) that all maps are resized to, or None for that of the first scale's last output

    Returns heatmaps (N, K, H, W), averaged over scales, and tags (N, K or 1, H, W, L), stacked over
    flip, of scale 1 (or of the only scale).

    Raises ValueError unless exactly one output has tags.
    """
    tag_scale = list(scales).index(1) if len(scales) > 1 else 0
    average = _Average()
    for index, outputs in enumerate(passes):
        heatmaps = join_outputs(outputs, size, align_corners)
        if index == 0:
            final = heatmaps.shape[3], heatmaps.shape[2]
        average.add(_resize(heatmaps, final, align_corners))
        if index == tag_scale:
            tags = _stack_tags(outputs)
    planes = _resize(tags.flatten(1, 2), final, align_corners).unflatten(1, tags.shape[1:3])
    return average.result(), planes.permute(0, 2, 3, 4, 1)


def _stack_tags(passes: Sequence[Sequence[HeadOutput]]) -> torch.Tensor:
    """Return the tags (N, L, K or 1, H, W) of the one output that has them, stacked over passes."""
    tags = [[o.tags for o in outputs if o.tags is not None] for outputs in passes]
    for of_pass in tags:
        if len(of_pass) != 1:
            raise ValueError(f"{len(of_pass)} outputs have tags: expected one")
    return torch.stack([of_pass[0] for of_pass in tags], dim=1)


def _mean(maps: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the mean of maps of one size."""
    average = _Average()
    for one in maps:
        average.add(one)
    return average.result()


class _Average:
    """The mean of maps of one size, without a copy of a single one; changes nothing it is given."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, maps: torch.Tensor) -> None:
        if self._count < 2:
            self._total = self._total + maps if self._count else maps
        else:
            self._total += maps
        self._count += 1

    def result(self) -> torch.Tensor:
        return self._total if self._count == 1 else self._total.div_(self._count)
