"""OpenVINO networks in a small type of numbers, whose end stays in float32.

OpenVINO takes bfloat16 up to the very last operation. Enlarged maps then have 256 levels and flat
peaks, of which each cell would be somebody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openvino

_ACTIVATIONS = 1  # behind the last convolution that are computed in float32, with their sums


def split_end(model: openvino.Model) -> list[openvino.Model]:
    """Return a network in two parts, whose inputs and outputs have names; the second is the end.

    That has, on each way, the last convolution and the sum of features that goes into it. A network
    without convolutions is returned whole.
    """
    import openvino

    cuts = list(_cuts(model))
    if not cuts:
        return [model]
    for number, value in enumerate(cuts):
        value.get_tensor().set_names({f"cut {number}"})
    end = model.clone()
    inputs = []
    for number, value in enumerate(list(_cuts(end))):  # before it is changed
        made = openvino.op.Parameter(value.get_element_type(), value.get_partial_shape())
        for place in value.get_target_inputs():
            place.replace_source_output(made.output(0))
        made.output(0).get_tensor().set_names({f"cut {number}"})
        inputs.append(made)
    return [openvino.Model(cuts, model.get_parameters()),
            openvino.Model(end.get_results(), [*end.get_parameters(), *inputs])]


def _cuts(model: openvino.Model) -> Iterator[openvino.Output]:
    """Yield the values that go into the end, in an order that a copy of the network has, too.

    Behind the last convolution they are convolutions again, or the activation of the block before
    the last one, whose result is added to it.
    """
    # Of each value, how many activations lie before it, from the last convolution on; None: that
    # is still to come.
    waiting = [(result.input_value(0), None) for result in model.get_results()]
    met, found = set(), set()
    while waiting:
        value, passed = waiting.pop()
        node = value.get_node()
        name, kind = node.get_friendly_name(), node.get_type_name()
        if (name, value.get_index(), passed) in met:
            continue
        met.add((name, value.get_index(), passed))
        convolution, activation = "Convolution" in kind, kind == "Relu"
        if passed is None:
            waiting += ([(node.input_value(0), 0)] if convolution
                        else [(source, None) for source in node.input_values()])
        elif convolution or kind == "Parameter" or (activation and passed == _ACTIVATIONS):
            if (name, value.get_index()) not in found:
                found.add((name, value.get_index()))
                yield value
        else:
            waiting += [(source, passed + activation) for source in node.input_values()]
