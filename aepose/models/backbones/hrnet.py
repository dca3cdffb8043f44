"""HRNet: parallel branches of falling resolution that exchange features.

Sun, Xiao, Liu, Wang: Deep High-Resolution Representation Learning for Human Pose Estimation
(CVPR 2019). Module names are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from aepose.errors import ConfigError
from aepose.models.activation_checkpointing import CheckpointedBlock
from aepose.models.backbones.base import Backbone
from aepose.models.backbones.blocks import BasicBlock, Bottleneck, conv_bn
from aepose.models.initialization import INITIALIZERS
from aepose.models.specs import FeatureSpec
from aepose.ranges import Count, Depth
from aepose.registry import MODELS


class FuseLayers(nn.ModuleList):
    """The exchange between branches: output i is the sum of all branches brought to its size."""

    def __init__(self, channels: Sequence[int], num_outputs: int) -> None:
        super().__init__(
            nn.ModuleList(self._path(channels, source, target) for source in range(len(channels)))
            for target in range(num_outputs)
        )

    @staticmethod
    def _path(channels: Sequence[int], source: int, target: int) -> nn.Module | None:
        if source == target:
            return None
        if source > target:
            up = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
            return nn.Sequential(*conv_bn(channels[source], channels[target], 1), up)
        steps = []
        for step in range(target - source):
            last = step == target - source - 1
            out = channels[target] if last else channels[source]
            layers = conv_bn(channels[source], out, 3, stride=2)
            steps.append(nn.Sequential(*layers, *([] if last else [nn.ReLU(inplace=True)])))
        return nn.Sequential(*steps)

    def forward(self, branches: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return one fused map per output."""
        fused = []
        for paths in self:
            terms = [b if path is None else path(b)
                     for b, path in zip(branches, paths, strict=True)]
            # The first sum is new; a branch itself must not change, others still need it.
            total = terms[0] + terms[1]
            for term in terms[2:]:
                total += term
            fused.append(torch.relu_(total))
        return fused


class HRModule(CheckpointedBlock):
    """Residual blocks in every branch, then one exchange."""

    def __init__(self, channels: Sequence[int], num_blocks: int, num_outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(c) for _ in range(num_blocks))) for c in channels
        )
        self.fuse_layers = FuseLayers(channels, num_outputs)

    def compute(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        """One map per branch in, one per output out."""
        return self.fuse_layers(
            [branch(x) for branch, x in zip(self.branches, maps, strict=True)])


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """Adapt the branches' channels and add one branch of half the lowest resolution."""
    layers = nn.ModuleList()
    for old, new in zip(before, after, strict=False):
        same = nn.Sequential(*conv_bn(old, new, 3), nn.ReLU(inplace=True))
        layers.append(None if old == new else same)
    down = nn.Sequential(*conv_bn(before[-1], after[-1], 3, stride=2), nn.ReLU(inplace=True))
    layers.append(nn.Sequential(down))
    return layers


@MODELS.register_module()
class HRNet(Backbone):
    """HRNet with four stages; gives its highest-resolution branch, at a quarter of the input.

    width: channels of the highest-resolution branch; branch i has width * 2^i
    num_modules: exchange modules in stages 2, 3 and 4
    num_blocks: residual blocks per branch and module
    stem_channels, stage1_channels, stage1_blocks: the stem, and the bottlenecks of stage 1 (whose
        output has four times stage1_channels)
    initialisation: 'normal' as published, where weights of ImageNet follow; 'kaiming' learns faster
        from scratch

    (N, 3, H, W) normalised images -> [(N, width, H/4, W/4)]; H and W are multiples of 32.
    """

    def __init__(
        self,
        width: Count = 32,
        num_modules: tuple[Depth, Depth, Depth] = (1, 4, 3),
        num_blocks: Depth = 4,
        stem_channels: Count = 64,
        stage1_channels: Count = 64,
        stage1_blocks: Depth = 4,
        initialisation: Literal["normal", "kaiming"] = "normal",
    ) -> None:
        super().__init__()
        if initialisation not in INITIALIZERS:
            raise ConfigError(f"HRNet.initialisation = {initialisation!r}: give one of "
                              + ", ".join(INITIALIZERS))
        self.out_features = (FeatureSpec(width, stride=4),)
        self.size_multiple = 32
        self.conv1, self.bn1 = conv_bn(3, stem_channels, 3, stride=2)
        self.conv2, self.bn2 = conv_bn(stem_channels, stem_channels, 3, stride=2)
        stage1_out = stage1_channels * Bottleneck.expansion
        inputs = [stem_channels] + [stage1_out] * (stage1_blocks - 1)
        self.layer1 = nn.Sequential(*(Bottleneck(c, stage1_channels) for c in inputs))
        before: list[int] = [stage1_out]
        for stage, modules in enumerate(num_modules, start=2):
            channels = [width * 2**i for i in range(stage)]
            setattr(self, f"transition{stage - 1}", _transition(before, channels))
            # Only the first branch leaves the last module, so only that one is fused.
            outputs = [stage] * modules
            if stage == 4:
                outputs[-1] = 1
            layers = (HRModule(channels, num_blocks, n) for n in outputs)
            setattr(self, f"stage{stage}", nn.Sequential(*layers))
            before = channels
        INITIALIZERS[initialisation](self)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the highest-resolution features, in a list of one."""
        x = torch.relu_(self.bn1(self.conv1(images)))
        x = torch.relu_(self.bn2(self.conv2(x)))
        if torch.is_grad_enabled():
            x = self.layer1(x)
        else:
            for block in self.layer1:  # unlike a call of all, lets go of what went in
                x = block(x)
        branches = [x]
        del x  # the largest map of all
        for stage in (2, 3, 4):
            transition = getattr(self, f"transition{stage - 1}")
            # The new branch starts from the lowest resolution there is. No variable keeps what goes
            # in: behind stage 1 it is the largest map of all.
            branches = [x if layer is None else layer(x) for x, layer
                        in zip([*branches, branches[-1]], transition, strict=True)]
            branches = getattr(self, f"stage{stage}")(branches)
        return branches
