"""Joining the network outputs of one picture over outputs, flip and test scales."""

from __future__ import annotations

from collections.abc import Sequence

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
    outputs: Sequence[HeadOutput], size: tuple[int, int] | None, align_corners: bool
) -> HeadOutput:
    """Average the heatmaps of a head's outputs; take the tags of the output that has them.

    size: (W, H) that all maps are resized to. None resizes heatmaps to the last output and leaves
    the tags as they are, for :func:`join_scales` to resize once.
    """
    tags = [o.tags if size is None else _resize(o.tags, size, align_corners)
            for o in outputs if o.tags is not None]
    if size is None:
        last = outputs[-1].heatmaps if outputs[-1].heatmaps is not None else outputs[-1].tags
        size = last.shape[3], last.shape[2]
    heatmaps = [_resize(o.heatmaps, size, align_corners)
                for o in outputs if o.heatmaps is not None]
    return HeadOutput(sum(heatmaps) / len(heatmaps), torch.cat(tags, dim=1) if tags else None)


def join_scales(
    scales: Sequence[float],
    passes: Sequence[Sequence[HeadOutput]],
    align_corners: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Join test scales and flip passes of one picture.

    scales: largest first. passes: per scale, the joined output of the picture and, with flip
    test, that of its mirror image (flipped back).

    Returns heatmaps (N, K, H, W), averaged over flip and then over scales at the size of the
    first scale, and tags (N, K, H, W, L), stacked over flip, of scale 1 (or of the only scale).
    """
    heatmaps = [sum(p.heatmaps for p in scale_passes) / len(scale_passes)
                for scale_passes in passes]
    size = heatmaps[0].shape[3], heatmaps[0].shape[2]
    joined = sum(_resize(h, size, align_corners) for h in heatmaps) / len(heatmaps)
    tag_scale = list(scales).index(1) if len(scales) > 1 else 0
    tags = [_resize(p.tags, size, align_corners) for p in passes[tag_scale]]
    return joined, torch.stack(tags, dim=4)
