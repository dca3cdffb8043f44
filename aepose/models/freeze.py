"""Freeze parts of a network: weights and BatchNorm statistics that training leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from aepose.errors import ConfigError, nearest


def freeze(network: nn.Module, patterns: Sequence[str]) -> list[nn.Module]:
    """Take the parameters of some modules out of training; return these modules.

    patterns: shell patterns of module names, such as 'backbone' or 'backbone.layer[12]*'; all that
        is below a module belongs to it

    Whoever trains has to keep the modules in evaluation mode, where BatchNorm (Ioffe and Szegedy,
    ICML 2015) goes by its statistics and does not change them. Raises ConfigError for a pattern
    that no module fits, and if nothing is left to train.
    """
    if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in patterns):
        raise ConfigError(f"model.freeze = {patterns!r}: give a list of module names, such as "
                          "['backbone']")
    names = dict(network.named_modules())
    frozen = []
    for pattern in patterns:
        fitting = [module for name, module in names.items() if name and fnmatchcase(name, pattern)]
        if not fitting:
            raise ConfigError(f"model.freeze: no part of the network is called {pattern!r}"
                              + nearest(pattern, [name for name in names if name.count(".") < 2]))
        frozen += fitting
    for module in frozen:
        module.requires_grad_(False)
    if patterns and not any(p.requires_grad for p in network.parameters()):
        raise ConfigError(f"model.freeze = {list(patterns)} leaves nothing to train")
    return frozen


def describe_frozen(network: nn.Module) -> str:
    """Return in words how many parameters are frozen; nothing if none is."""
    total = sum(p.numel() for p in network.parameters())
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    return (f"frozen: {frozen / 1e6:.2f} M of {total / 1e6:.2f} M parameters, with the statistics "
            "beside them") if frozen else ""
