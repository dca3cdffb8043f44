"""Base class of Associative Embedding heads: declared outputs, their split and their losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.models.heads.scale_branch import scale_branch
from aepose.models.losses import STATISTICS, PoseLoss
from aepose.models.specs import KeypointAxis, OutputSpec
from aepose.registry import MODELS, build
from aepose.structures import HeadOutput, MapTargets

_LOSSES = "model.keypoint_head.losses"


class AEHead(nn.Module):
    """Base of heads; a subclass gives ``forward(features) -> list of maps``, one per output.

    outputs: what each map holds; it depends on the head's own options, never on its losses
    losses: for each output the config of its loss, or None where it is not trained. A loss of one's
        own takes a :class:`HeadOutput` and its :class:`MapTargets`, as :class:`PoseLoss` does, and
        says in ``with_heatmaps``, ``with_tags`` and, if it trains scales, ``with_scales`` what it
        trains.

    Raises ConfigError if there is not one entry per output, or one trains what its output lacks.
    """

    def __init__(self, outputs: Sequence[OutputSpec], losses: Sequence[dict | None]) -> None:
        super().__init__()
        if not isinstance(losses, (list, tuple)) or len(losses) != len(outputs):
            number = len(losses) if isinstance(losses, (list, tuple)) else losses
            raise ConfigError(
                f"{_LOSSES} has {number} entries, but {type(self).__name__} here has "
                f"{len(outputs)} output(s); give a list with one loss, or None, for each"
            )
        self.outputs = tuple(outputs)
        self.losses: list[PoseLoss | None] = [
            None if cfg is None else build(MODELS, cfg, f"{_LOSSES}.{i}")
            for i, cfg in enumerate(losses)
        ]
        for index, (output, loss) in enumerate(zip(self.outputs, self.losses, strict=True)):
            for part, remedy, there, trained in _parts(output, loss):
                if trained and not there:
                    raise ConfigError(f"{_LOSSES}.{index} trains {part}, which output {index} of "
                                      f"{type(self).__name__} lacks; {remedy}")

    def _add_scale_branches(self, channels: Sequence[int]) -> None:
        """Give each output that declares scales a branch on features of so many channels.

        To be called last: the entries of published checkpoints are in this order.
        """
        if self.outputs[0].scales:
            self.scale_layers = nn.ModuleList(
                scale_branch(c, output.scales)
                for c, output in zip(channels, self.outputs, strict=True))

    def _with_scales(
        self, index: int, maps: torch.Tensor, features: torch.Tensor
    ) -> torch.Tensor:
        """Return the maps of an output with its scales, if it has them, behind."""
        if not self.outputs[index].scales:
            return maps
        return torch.cat([maps, self.scale_layers[index](features)], dim=1)

    def keypoint_axes(self) -> dict[str, KeypointAxis]:
        """Return which weights have channels of keypoints, by name: here those of the scales.

        Fine-tuning to other keypoints carries these over by the keypoints' names; what a head of
        one's own does not tell starts anew where its shape differs.
        """
        return {f"scale_layers.{index}.{name}": KeypointAxis(0, (output.scales,))
                for index, output in enumerate(self.outputs) if output.scales
                for name, value in self.scale_layers[index].state_dict().items() if value.ndim}

    def leave_out_scales(self) -> None:
        """Drop the scales of all outputs and what computes them: no test reads them."""
        self.outputs = tuple(replace(output, scales=0) for output in self.outputs)
        if hasattr(self, "scale_layers"):
            del self.scale_layers

    def choose_outputs(self, asked: Sequence[int] | None) -> tuple[int, ...]:
        """Return the indices of the outputs used at test time: those asked for, or all.

        Raises ConfigError unless all exist, one of them at least has heatmaps, and exactly one has
        tags: those of several outputs have nothing to do with each other.
        """
        number = len(self.outputs)
        chosen = tuple(range(number)) if asked is None else tuple(asked)
        where = f"test_time.outputs = {None if asked is None else list(asked)}"
        if max(chosen) >= number:
            raise ConfigError(f"{where}: {type(self).__name__} has outputs 0 to {number - 1}")
        with_tags = [i for i, output in enumerate(self.outputs) if output.tags]
        if sum(i in chosen for i in with_tags) != 1:
            raise ConfigError(f"{where}: choose exactly one output that has tags (these are "
                              f"{with_tags}), and any without")
        if not any(self.outputs[i].heatmaps for i in chosen):
            raise ConfigError(f"{where}: none of these outputs has heatmaps")
        return chosen

    def untrained(self, chosen: Sequence[int], in_test: bool = False) -> Iterator[str]:
        """Yield in words the parts of some outputs that no loss trains.

        in_test: only parts that a test reads, which are all but scales
        """
        for index in chosen:
            for part, _, there, trained in _parts(self.outputs[index], self.losses[index]):
                if there and not trained and not (in_test and part == "scales"):
                    yield f"the {part} of output {index}"

    def split(self, maps: Sequence[torch.Tensor]) -> list[HeadOutput]:
        """Split the raw maps into heatmaps, tags and scales, as the outputs are declared."""
        return [
            HeadOutput(m[:, : output.heatmaps] if output.heatmaps else None,
                       m[:, output.heatmaps : output.channels] if output.tags else None,
                       m[:, output.channels :] if output.scales else None)
            for m, output in zip(maps, self.outputs, strict=True)
        ]

    def loss(
        self, maps: Sequence[torch.Tensor], targets: Sequence[MapTargets]
    ) -> dict[str, torch.Tensor]:
        """Return each loss, times its factor, averaged over the batch and summed over outputs.

        What :class:`PoseLoss` gives besides to look at is treated alike, but that the statistics of
        tags are averaged over outputs. Names of what is minimised end in ``_loss``.

        An output is compared with the targets of its own resolution; raises ConfigError if there
        are none, or no losses.
        """
        if not any(self.losses):
            raise ConfigError(f"{_LOSSES} = {self.losses}: nothing is trained; give a loss to one "
                              "output at least")
        by_size = {t.heatmaps.shape[-2:]: t for t in targets}
        values: dict[str, list[torch.Tensor]] = {}
        for m, output, loss in zip(maps, self.split(maps), self.losses, strict=True):
            if loss is None:
                continue
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


def _parts(output: OutputSpec, loss: PoseLoss | None) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield the parts that an output can have: name, what helps, whether it is there, and trained.

    What helps does so where a loss trains what the output lacks.
    """
    heatmaps, tags = (False, False) if loss is None else (loss.with_heatmaps, loss.with_tags)
    # Losses of one's own may know nothing of scales.
    scales = getattr(loss, "with_scales", False)
    yield "heatmaps", "set heatmap to None", output.heatmaps > 0, heatmaps
    yield "tags", "set push and pull to None", output.tags > 0, tags
    yield ("scales", "choose a head with scales=True, or a loss without them such as PoseLoss",
           output.scales > 0, scales)
