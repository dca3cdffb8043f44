"""What of a run goes into its checkpoints: nothing that could not be read again."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from aepose.errors import ConfigError

_PLAIN = (str, bytes, int, float, complex, bool, type(None), torch.Size, torch.dtype)
_LARGEST = 2000  # bits; a longer number is written otherwise
_ADVICE = "checkpoints hold weights and plain values only, so that reading one runs no code"


def reduce_checkpoint(checkpoint: dict[str, Any], config: str) -> None:
    """Leave out of a checkpoint what is no plain value and is not needed to go on; add the config.

    The log history is in the log; a scheduler that is built anew has its functions again.

    Raises ConfigError that names the first value left which could not be read again.
    """
    hub = checkpoint["message_hub"]
    # A NumPy scalar passes for a float, but is pickled as a call of NumPy's.
    items = {key: value.item() if isinstance(value, np.generic) else value
             for key, value in hub["runtime_info"].items()}
    info = {key: value for key, value in items.items() if not any(_unreadable(value, key))}
    resumed = {key: value for key, value in hub["resumed_keys"].items() if key in info}
    checkpoint["message_hub"] = {
        "log_scalars": {}, "runtime_info": info, "resumed_keys": resumed}
    checkpoint["meta"]["aepose_config"] = config
    if "param_schedulers" in checkpoint:
        checkpoint["param_schedulers"] = [
            stored_scheduler(state) for state in checkpoint["param_schedulers"]]
    check_readable(checkpoint)


def stored_scheduler(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a scheduler without its functions."""
    return {key: value for key, value in state.items() if not callable(value)}


def check_readable(state: Any, key: str = "") -> None:
    """Raise ConfigError for a state of which something could not be read out of a checkpoint.

    key: where in the checkpoint the state would be
    """
    for place, value in _unreadable(state, key):
        raise ConfigError(f"'{place}' of this run's checkpoints would be a "
                          f"{type(value).__name__}: {_ADVICE}; choose another scheduler, "
                          "optimiser or hook")


def _unreadable(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the places and values that a reader of checkpoints refuses."""
    if type(value) in (dict, OrderedDict, Counter):
        for name, part in value.items():
            place = f"{key}.{name}" if key else str(name)
            yield from _unreadable(name, place)
            yield from _unreadable(part, place)
    elif type(value) in (list, tuple, set):
        for index, part in enumerate(value):
            yield from _unreadable(part, f"{key}.{index}")
    elif isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            yield key, value
    elif isinstance(value, (np.generic, np.ndarray)):
        if value.dtype.kind not in "biuf":
            yield key, value
    elif type(value) not in _PLAIN or (type(value) is int and value.bit_length() > _LARGEST):
        yield key, value
