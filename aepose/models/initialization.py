"""Weight initialisation where it differs from PyTorch's defaults.

BatchNorm keeps them (weight 1, bias 0), as published.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


def init_normal(module: nn.Module) -> None:
    """Draw the weights of convolutions from N(0, 0.001^2); their biases are zero.

    As published for the heads, HRNet and the stacked hourglass; behind each but a last
    convolution follows a BatchNorm, to which the scale of its weights makes no difference.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, std=0.001)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def init_kaiming(module: nn.Module) -> None:
    """Draw the weights of convolutions from a normal distribution that keeps gradients' variance.

    He, Zhang, Ren, Sun: Delving Deep into Rectifiers (ICCV 2015), eq. 14; as published for ResNet
    and MobileNetV2.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


INITIALIZERS: dict[str, Callable[[nn.Module], None]] = {
    "normal": init_normal,
    "kaiming": init_kaiming,
}
