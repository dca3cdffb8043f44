"""The loss of SWAHR: heatmap targets that the network makes narrower or broader, and weights.

Luo, Wang, Huang, Wang, Tan, Zhou: Rethinking the Heatmap Regression for Bottom-up Human Pose
Estimation (CVPR 2021), as its published code computes it.
"""

from __future__ import annotations

import torch

from aepose.models.losses.pose_loss import PoseLoss, check_factor
from aepose.models.losses.tags import PushType
from aepose.precision import at_least_float32
from aepose.registry import MODELS
from aepose.structures import HeadOutput, MapTargets

GAMMA = 0.01  # so small that the weight is nearly a step at the rim of the Gaussians


@MODELS.register_module()
class SWAHRLoss(PoseLoss):
    """Scale- and weight-adaptive heatmap loss, and PoseLoss's push and pull, of one output.

    heatmap: factor of the heatmap loss, or None, which leaves the scales out, too
    scale: factor of the mean square of the scales, which keeps targets near the plain ones
    push, pull, push_type: as in :class:`PoseLoss`

    The output needs scales: ``scales=True`` of the head. Raises ConfigError for other values.
    """

    def __init__(
        self,
        heatmap: float | None = 1.0,
        scale: float = 1.0,
        push: float | None = 0.001,
        pull: float | None = 0.001,
        push_type: PushType = "exp",
    ) -> None:
        super().__init__(heatmap, push, pull, push_type)
        check_factor("SWAHRLoss.scale", scale)
        self.scale = scale

    @property
    def with_scales(self) -> bool:
        """Whether this output's scales are trained."""
        return self.with_heatmaps

    def heatmap_terms(
        self, output: HeadOutput, targets: MapTargets
    ) -> dict[str, tuple[torch.Tensor, float]]:
        """Return heatmap and scale (N,), the means over K, H, W where the mask counts."""
        heatmaps, scales = (at_least_float32(m) for m in (output.heatmaps, output.scales))
        plain, mask = targets.heatmaps.to(heatmaps.dtype), targets.loss_mask[:, None]
        target, used = adapted_targets(plain, scales)
        error = (heatmaps - target).square() * adaptive_weights(heatmaps, plain)
        return {"heatmap": ((error * mask).mean(dim=(1, 2, 3)), self.heatmap),
                "scale": ((used.square() * mask).mean(dim=(1, 2, 3)), self.scale)}


def adapted_targets(
    targets: torch.Tensor, scales: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the targets as the scales change them, and the scales that are used.

    All (N, K, H, W). With G the plain target and a the scale, G (1 + u + u^2 / 2), u = a ln G: the
    first terms of G^(1 + a), a narrower Gaussian for a > 0. Where G = 0 nothing is used, so no
    target leaves its patch. Gradients reach the scales.
    """
    inside = targets > 0
    used = scales * inside
    exponent = used * torch.where(inside, targets, 1).log()
    return targets * (1 + exponent + exponent.square() / 2), used


def adaptive_weights(heatmaps: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the weight of each cell, by how far it is from right; all (N, K, H, W).

    |1 - heatmap| where the plain target is 1, |heatmap| where it is 0. Gradients reach heatmaps.
    """
    near = targets**GAMMA
    return near * (1 - heatmaps).abs() + (1 - near) * heatmaps.abs()
