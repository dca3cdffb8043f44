"""Names in checkpoints of the original HigherHRNet and SWAHR, which stand on the same code.

Backbone and head lie side by side in them, and what a network was wrapped in for its training may
stand in front: ``module.`` of several processes, ``1.`` of half precision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

_Value = TypeVar("_Value")
_WRAPPED = re.compile(r"(module\.|1\.)+")
_RULES = (
    (re.compile(r"(?=(conv1|bn1|conv2|bn2|layer1|transition\d|stage\d)\.)"), "backbone."),
    (re.compile(r"(?=(final|deconv)_layers\.)"), "keypoint_head."),
    (re.compile(r"conv_(?=scale_layers\.)"), "keypoint_head."),
)


def without_wrappers(state: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return a state dict without ``module.`` and ``1.`` where all of its names begin so."""
    if all(_WRAPPED.match(name) for name in state):
        return {_WRAPPED.sub("", name, count=1): value for name, value in state.items()}
    return dict(state)


def with_own_names(state: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return a state dict of a whole original network under our names; any other as it is.

    >>> with_own_names({'conv1.weight': 1, 'final_layers.0.weight': 2})
    {'backbone.conv1.weight': 1, 'keypoint_head.final_layers.0.weight': 2}
    """
    if "final_layers.0.weight" not in state:
        return dict(state)
    return {_own_name(name): value for name, value in state.items()}


def _own_name(name: str) -> str:
    for theirs, ours in _RULES:
        if theirs.match(name):
            return theirs.sub(ours, name, count=1)
    return name
