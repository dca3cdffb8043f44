"""Number types that networks compute in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from aepose.errors import ConfigError

_AUTOCAST_TYPES = {None: None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def autocast_type(name: str | None, key: str) -> torch.dtype | None:
    """Return the type that autocast runs convolutions in; None: in the type of the weights.

    Raises ConfigError that names the config's ``key`` for any other name.
    """
    if not isinstance(name, str | None) or name not in _AUTOCAST_TYPES:
        raise ConfigError(f"{key} = {name!r}: give 'bfloat16', 'float16' or None")
    return _AUTOCAST_TYPES[name]


def at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """Return ``values`` in float32, or as they are where they are float64."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


@contextmanager
def full_float32() -> Iterator[None]:
    """Let convolutions of float32 on a GPU keep all 23 bits of the mantissa in this scope.

    cuDNN rounds to TF32 (10 bits) by PyTorch's default, which moves maps by about 1e-3.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
