"""What all Associative Embedding heads share: their outputs' layout and their losses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.models.losses import STATISTICS, PoseLoss
from aepose.registry import MODELS, build
from aepose.structures import HeadOutput, MapTargets


class AEHead(nn.Module):
    """Base of heads; a subclass gives ``forward(features) -> list of maps``.

    num_outputs: how many maps the head gives
    losses: one config per output, lowest resolution first. Output i is the channel concatenation
        of K heatmaps and, where its loss has push and pull, K tag maps (one without
        ``tag_per_joint``).

    Raises ConfigError if there is not one loss per output.
    """

    def __init__(
        self,
        metainfo: Metainfo,
        losses: Sequence[dict],
        tag_per_joint: bool = True,
        num_outputs: int = 1,
    ) -> None:
        super().__init__()
        if len(losses) != num_outputs:
            raise ConfigError(
                f"model.keypoint_head.losses has {len(losses)} entries, but {type(self).__name__} "
                f"here has {num_outputs} output(s); give one loss for each"
            )
        self.num_keypoints = metainfo.num_keypoints
        self.num_tags = metainfo.num_keypoints if tag_per_joint else 1
        self.losses: list[PoseLoss] = [
            build(MODELS, cfg, f"model.keypoint_head.losses.{i}") for i, cfg in enumerate(losses)
        ]

    def output_channels(self, index: int) -> int:
        """Channels of output ``index``."""
        return self.num_keypoints + (self.num_tags if self.losses[index].with_tags else 0)

    def choose_outputs(self, asked: Sequence[int] | None) -> tuple[int, ...]:
        """Return the indices of the outputs used at test time: those asked for, or all.

        Raises ConfigError unless all exist, one of them at least has trained heatmaps, and exactly
        one has tags: those of several outputs have nothing to do with each other.
        """
        number = len(self.losses)
        chosen = tuple(range(number)) if asked is None else tuple(asked)
        where = f"test_time.outputs = {None if asked is None else list(asked)}"
        if max(chosen) >= number:
            raise ConfigError(f"{where}: {type(self).__name__} has outputs 0 to {number - 1}")
        with_tags = [i for i, loss in enumerate(self.losses) if loss.with_tags]
        if sum(i in chosen for i in with_tags) != 1:
            raise ConfigError(f"{where}: choose exactly one output that has tags (by their losses "
                              f"these are {with_tags}), and any without")
        if all(self.losses[i].heatmap is None for i in chosen):
            raise ConfigError(f"{where}: by their losses none of these outputs has heatmaps")
        return chosen

    def split(self, maps: Sequence[torch.Tensor]) -> list[HeadOutput]:
        """Split the raw maps into the heatmaps and tags that their losses train."""
        outputs = []
        for m, loss in zip(maps, self.losses, strict=True):
            heatmaps = None if loss.heatmap is None else m[:, : self.num_keypoints]
            tags = m[:, self.num_keypoints:] if loss.with_tags else None
            outputs.append(HeadOutput(heatmaps, tags))
        return outputs

    def loss(
        self, maps: Sequence[torch.Tensor], targets: Sequence[MapTargets]
    ) -> dict[str, torch.Tensor]:
        """Return each loss, times its factor, averaged over the batch and summed over outputs.

        What :class:`PoseLoss` gives besides to look at is treated alike, but that the statistics of
        tags are averaged over outputs. Names of what is minimised end in ``_loss``.

        An output is compared with the targets of its own resolution; raises ConfigError if there
        are none.
        """
        by_size = {t.heatmaps.shape[-2:]: t for t in targets}
        values: dict[str, list[torch.Tensor]] = {}
        for m, output, loss in zip(maps, self.split(maps), self.losses, strict=True):
            size = m.shape[-2:]
            if size not in by_size:
                raise ConfigError(
                    f"the head gives maps of {tuple(size)}, but codec.map_strides gives targets of "
                    f"{[tuple(s) for s in by_size]}; set codec.map_strides to fit the network"
                )
            for name, value in loss(output, by_size[size]).items():
                values.setdefault(name, []).append(value.mean())
        return {name: sum(parts) / (len(parts) if name in STATISTICS else 1)
                for name, parts in values.items()}
