"""Read checkpoints without trusting them, and fit them to a network.

A checkpoint is a dict with ``state_dict`` (and ``meta``, ``optimizer``, …) or a bare state dict,
in PyTorch's format or as safetensors. Files come from strangers: nothing in them is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from aepose.errors import CheckpointError
from aepose.files import regular_file, whole_file
from aepose.weights.original_names import with_own_names, without_wrappers
from aepose.weights.stored_values import OtherTensor, UnsafeContentError
from aepose.weights.torch_file import read_torch_file
from aepose.zoo.index import fitting_models

_SHOWN = 10  # names of each kind in a message
META_KEY = "aepose_meta"
# The layers whose channels are the heatmaps and tags.
_FINAL = re.compile(
    r"(keypoint_head\.final_layers?(\.\d+)?|backbone\.out_convs\.\d+\.conv)\.weight")
# Types of weights, and of what is counted beside them.
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_READ = (*_FLOATS, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


def is_checkpoint(name: str | Path) -> bool:
    """Return whether a file or URL is called as checkpoints are."""
    return Path(name).suffix in (".pth", ".pt", ".safetensors")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Return a checkpoint as a dict with at least ``state_dict`` and ``meta``; tensors on the CPU.

    A ``module.`` in front of all keys is dropped, and names of the original HigherHRNet and SWAHR
    become ours, see :mod:`aepose.weights.original_names`. Raises CheckpointError if the file is
    missing, is no checkpoint, or holds more than tensors and plain values.
    """
    path = regular_file(path, CheckpointError, "checkpoint")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} is not a checkpoint: it holds a {type(content).__name__}")
    checkpoint = dict(content) if "state_dict" in content else {"state_dict": content}
    state = checkpoint["state_dict"]
    if not isinstance(state, Mapping) or not state or not all(
            isinstance(k, str) and isinstance(v, (torch.Tensor, OtherTensor))
            for k, v in state.items()):
        raise CheckpointError(f"{path} is not a checkpoint: it has no named weights")
    _check_kinds(state, path)
    checkpoint["state_dict"] = with_own_names(without_wrappers(state))
    checkpoint["meta"] = _checked_meta(checkpoint.get("meta", {}), path)
    return checkpoint


def _check_kinds(state: Mapping[str, Any], path: Path) -> None:
    """Raise CheckpointError for weights that are no plain arrays of numbers."""
    for key, value in state.items():
        if isinstance(value, OtherTensor) or value.dtype not in _READ:
            kind = value.kind if isinstance(value, OtherTensor) else _type_name(value.dtype)
            raise CheckpointError(
                f"{path}: '{key}' is {kind}, and weights are floating-point numbers; save the "
                "network's state_dict() in float32 again")


def _checked_meta(meta: Any, path: Path) -> dict[str, Any]:
    """Return what a checkpoint says of itself; raises CheckpointError for other types."""
    if not isinstance(meta, Mapping):
        raise CheckpointError(f"{path} is not a checkpoint: its 'meta' is {_short(meta)}, and no "
                              "dict")
    meta = dict(meta)
    for key, kind, word in (("aepose_config", str, "a text"), ("epoch", int, "a whole number"),
                            ("iter", int, "a whole number"), ("seed", int, "a whole number")):
        value = meta.get(key)
        if isinstance(value, np.integer):
            value = meta[key] = int(value)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise CheckpointError(f"{path} is not a checkpoint: meta.{key} is {_short(value)}, and "
                                  f"not {word}")
    return meta


def _short(value: Any) -> str:
    """Name a value in a message; what may be long is named by its type."""
    return repr(value) if isinstance(value, (int, float, type(None))) else type(value).__name__


def _read_safetensors(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            meta = json.loads((file.metadata() or {}).get(META_KEY, "{}"))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a safetensors file, or is damaged: {error}") from None
    return {"state_dict": state, "meta": meta}


def _read_torch(path: Path) -> Any:
    try:
        return read_torch_file(path)
    except UnsafeContentError as error:
        raise CheckpointError(
            f"{path} is not a checkpoint, or holds more than weights and plain values, which are "
            f"not loaded because they could run code ({error})"
        ) from None
    except Exception as error:  # a damaged pickle can fail in any way
        raise CheckpointError(f"{path} is not a checkpoint, or is damaged: "
                              f"{error or type(error).__name__}") from None


def save_safetensors(path: str | Path, state: Mapping[str, torch.Tensor], meta: dict) -> None:
    """Write weights and JSON-able ``meta`` as safetensors; the file appears whole or not at all."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    with whole_file(Path(path)) as part:
        save_file(tensors, part, metadata={META_KEY: json.dumps(meta)})


def load_weights(model: nn.Module, state: Mapping[str, torch.Tensor], source: str | Path) -> None:
    """Load weights that fit exactly.

    Raises CheckpointError that lists missing, unexpected and wrongly shaped keys, at most ten of
    each, and says which config of the model zoo would fit, and for numbers that are not finite;
    the network is then unchanged.
    """
    check_fit(model.state_dict(), state, source)
    model.load_state_dict(dict(state), strict=True)


def check_fit(
    own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], source: str | Path
) -> None:
    """Raise what :func:`load_weights` does; of ``own``, a network's entries, no values are read."""
    misfits = Misfits.between(own, state).lines()
    if misfits:
        title = (f"checkpoint {source} does not fit the network of this config"
                 + _other_keypoints(state, own))
        raise CheckpointError("\n".join([title, *misfits]) + _where_it_fits(state, source))
    check_values(own, state, source)


def check_values(
    own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], source: str | Path
) -> None:
    """Raise CheckpointError for weights that are not finite, or would be changed by being loaded.

    Numbers of another precision are not changed as long as they are the same afterwards.
    """
    for key, value in state.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise CheckpointError(f"checkpoint {source}: '{key}' has numbers that are not finite: "
                                  "its training broke down, or float16 did not suffice; take an "
                                  "earlier checkpoint, or save it in float32")
        wanted = own[key].dtype if key in own else value.dtype
        if value.dtype == wanted:
            continue
        # Whole numbers as weights are quantised ones, which mean nothing without their scale.
        quantised = wanted in _FLOATS and value.dtype not in _FLOATS
        if quantised or not torch.equal(value.to(wanted).to(value.dtype), value):
            raise CheckpointError(
                f"checkpoint {source}: '{key}' is {_type_name(value.dtype)}, the network's is "
                f"{_type_name(wanted)}, and they cannot be converted without a loss; save the "
                f"network's state_dict() in {_type_name(wanted)} again")


def _type_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def count_parameters(state: Mapping[str, torch.Tensor]) -> int:
    """Return how many numbers of a state dict are trained: all but the running statistics."""
    return sum(v.numel() for k, v in state.items() if not k.endswith(_STATISTICS))


def _other_keypoints(state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> str:
    """Say in words if two networks were made for different numbers of keypoints."""
    theirs, ours = _possible_keypoints(state), _possible_keypoints(own)
    if not theirs or not ours or set(theirs) & set(ours):
        return ""
    return f": the checkpoint has {theirs[0]} keypoints, the config {ours[0]}"


def _possible_keypoints(state: Mapping[str, torch.Tensor]) -> list[int]:
    """Return the numbers of keypoints that the last layers can be made for, the likeliest first."""
    channels = {value.shape[0] for key, value in state.items() if _FINAL.fullmatch(key)}
    if len(channels) > 1:  # HigherHRNet's second output has heatmaps only
        return [min(channels)]
    # A tag map per keypoint, or one for all.
    return [number for count in channels
            for number in ([count // 2] if count % 2 == 0 else []) + [count - 1]]


def _where_it_fits(state: Mapping[str, torch.Tensor], source: str | Path) -> str:
    models = fitting_models(len(state), count_parameters(state), source)
    if not models:
        return ""
    also = f" (its network is also that of {', '.join(m.name for m in models[1:])})"
    return f"\n  it fits {models[0].config}" + (also if models[1:] else "")


@dataclass(frozen=True)
class Misfits:
    """Entries of a network and of weights for it that do not agree, by name.

    missing: only the network has them; unexpected: only the weights have them
    reshaped: both have them, in the shapes that the text names
    """

    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]

    @classmethod
    def between(cls, own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor],
                word: str = "checkpoint") -> Misfits:
        """Compare a network's state dict with given weights; ``word`` says what those are."""
        return cls(
            [k for k in own if k not in given],
            [k for k in given if k not in own],
            [f"{k}: {word} {tuple(given[k].shape)}, network {tuple(own[k].shape)}"
             for k in own if k in given and given[k].shape != own[k].shape],
        )

    def lines(self) -> list[str]:
        """Return the lines of a message, at most ten names of each kind; none if all agree."""
        return [*listed("missing", self.missing), *listed("unexpected", self.unexpected),
                *listed("wrong shape", self.reshaped)]


def listed(what: str, names: Sequence[str]) -> list[str]:
    """Return a line with the number of ``names`` and a line for each of the first ten."""
    if not names:
        return []
    more = f" (+{len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
    return [f"  {len(names)} {what}{more}:", *(f"    {name}" for name in names[:_SHOWN])]
