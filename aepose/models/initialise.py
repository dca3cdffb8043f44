"""How weights start."""

from __future__ import annotations

from torch import nn


def initialise_backbone(module: nn.Module) -> None:
    """Start convolutions from a normal distribution that keeps the variance (He et al., 2015)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


def initialise_head(module: nn.Module) -> None:
    """Start a head's convolutions near zero (normal, standard deviation 0.001), biases at zero."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, std=0.001)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
