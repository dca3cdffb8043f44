"""How weights start, where not as PyTorch does: its BatchNorm (weight 1, bias 0) is as published.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


def initialise_normal(module: nn.Module) -> None:
    """Start convolutions near zero (normal, standard deviation 0.001), their biases at zero.

    As published for the heads, HRNet and the stacked hourglass; behind each but a last
    convolution follows a BatchNorm, to which the scale of its weights makes no difference.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, std=0.001)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialise_kaiming(module: nn.Module) -> None:
    """Start convolutions from a normal distribution that keeps the variance of gradients.

    He, Zhang, Ren, Sun: Delving Deep into Rectifiers (ICCV 2015), eq. 14; as published for ResNet
    and MobileNetV2.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


INITIALISATIONS: dict[str, Callable[[nn.Module], None]] = {
    "normal": initialise_normal,
    "kaiming": initialise_kaiming,
}
