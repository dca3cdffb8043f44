"""The procedural weights that networks are compared with: no checkpoint needs storing."""

import re
import zlib

import numpy as np
import torch
from torch import nn

FINAL = re.compile(
    r"^(keypoint_head\.final_layers?(\.\d+)?|backbone\.out_convs\.\d+\.conv|"
    r"final_layers\.\d+)\.weight$"
)


def procedural_value(key: str, shape: tuple[int, ...], final_factor: float, salt: str):
    """Return the value of one state-dict entry; see the goldens' README, section 2."""
    rng = np.random.default_rng(zlib.crc32((salt + key).encode()))
    leaf = key.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "running_mean":
        value = 0.05 * rng.standard_normal(shape)
    elif leaf == "running_var":
        value = 1 + 0.5 * rng.random(shape)
    elif leaf == "bias":
        value = 0.05 * rng.standard_normal(shape)
    elif leaf == "weight" and len(shape) == 1:
        value = 1 + 0.1 * rng.standard_normal(shape)
    elif len(shape) >= 2:
        value = rng.standard_normal(shape) * np.sqrt(1 / np.prod(shape[1:]))
        if FINAL.match(key):
            value = value * final_factor
    else:
        value = 0.1 * rng.standard_normal(shape)
    return np.asarray(value, np.float32)


def set_procedural_weights(model: nn.Module, final_factor: float, salt: str) -> None:
    """Fill a network."""
    state = {
        key: torch.from_numpy(procedural_value(key, tuple(value.shape), final_factor, salt))
        for key, value in model.state_dict().items()
    }
    model.load_state_dict(state, strict=True)
