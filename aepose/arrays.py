"""Arrays of PyTorch, told from others without importing PyTorch."""

from __future__ import annotations

import sys
from typing import Any


def is_tensor(value: Any) -> bool:
    """Return whether a value is a tensor; where PyTorch was never imported there is none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
