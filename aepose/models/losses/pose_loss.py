"""The loss of one network output."""

from __future__ import annotations

import math

import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.models.losses.heatmap import heatmap_loss
from aepose.models.losses.tags import (
    PersonTags,
    PushType,
    push_and_pull,
    tag_statistics,
)
from aepose.precision import at_least_float32
from aepose.registry import MODELS
from aepose.structures import HeadOutput, MapTargets

# Numbers of a batch that do not add up over the outputs of a network.
STATISTICS = ("tag_spread", "tag_gap")


@MODELS.register_module()
class PoseLoss(nn.Module):
    """Heatmap, push and pull losses of one network output.

    heatmap, push, pull: factors, not negative; None leaves that part out (push and pull only
        together)
    push_type: 'exp' or 'max', see :func:`push_and_pull`
    supervise_empty: count the heatmaps of keypoints that nobody in the picture shows

    Raises ConfigError for other values.
    """

    with_scales = False  # whether this output's scales are trained

    def __init__(
        self,
        heatmap: float | None = 1.0,
        push: float | None = 0.001,
        pull: float | None = 0.001,
        push_type: PushType = "exp",
        supervise_empty: bool = True,
    ) -> None:
        super().__init__()
        own = type(self).__name__
        for name, factor in (("heatmap", heatmap), ("push", push), ("pull", pull)):
            if factor is not None:
                check_factor(f"{own}.{name}", factor, ", or None to leave this loss out")
        if not isinstance(supervise_empty, bool):
            raise ConfigError(f"{own}.supervise_empty = {supervise_empty!r}: give True or False")
        if push_type not in ("exp", "max"):
            raise ConfigError(f"{own}.push_type = {push_type!r}: give 'exp' or 'max'")
        if (push is None) != (pull is None):
            raise ConfigError(f"{own}: give both push and pull, or None for both")
        self.heatmap = heatmap
        self.push = push
        self.pull = pull
        self.push_type = push_type
        self.supervise_empty = supervise_empty

    @property
    def with_heatmaps(self) -> bool:
        """Whether this output's heatmaps are trained."""
        return self.heatmap is not None

    @property
    def with_tags(self) -> bool:
        """Whether this output's tags are trained."""
        return self.push is not None

    def forward(self, output: HeadOutput, targets: MapTargets) -> dict[str, torch.Tensor]:
        """Return heatmap_loss, push_loss and pull_loss where used, each (N,), times its factor.

        Beside them stand numbers to look at, without a gradient: heatmap, push and pull (N,)
        before their factors, and tag_spread and tag_gap (), see :func:`tag_statistics`. Computed
        in float32 (of float64 maps in float64).
        """
        losses = {}
        if self.with_heatmaps:
            for name, (value, factor) in self.heatmap_terms(output, targets).items():
                losses[f"{name}_loss"] = value * factor
                losses[name] = value.detach()
        if self.with_tags:
            people = PersonTags.gather(at_least_float32(output.tags), targets.tag_index,
                                       targets.tag_valid)
            push, pull = push_and_pull(people, self.push_type)
            losses["push_loss"] = push * self.push
            losses["pull_loss"] = pull * self.pull
            losses["push"], losses["pull"] = push.detach(), pull.detach()
            losses["tag_spread"], losses["tag_gap"] = tag_statistics(people)
        return losses

    def heatmap_terms(
        self, output: HeadOutput, targets: MapTargets
    ) -> dict[str, tuple[torch.Tensor, float]]:
        """Return by name what is minimised of the heatmaps, (N,), and its factor."""
        return {"heatmap": (heatmap_loss(at_least_float32(output.heatmaps), targets.heatmaps,
                                         targets.loss_mask, self.supervise_empty), self.heatmap)}


def check_factor(name: str, factor: float, otherwise: str = "") -> None:
    """Raise ConfigError for a loss's factor that is no number from 0; ``otherwise`` ends it."""
    if not (type(factor) in (int, float) and 0 <= factor < math.inf):
        raise ConfigError(f"{name} = {factor!r}: give a number that is not negative{otherwise}")
