"""OpenVINO networks in a small type of numbers, whose end stays in float32.

OpenVINO takes bfloat16 up to the very last operation. Enlarged maps then have 256 levels and flat
peaks, of which each cell would be somebody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openvino


def split_end(model: openvino.Model) -> list[openvino.Model]:
    """Return a network in two parts, whose inputs and outputs have names: what comes before the
    last convolution on each way, and the rest. A network without is returned whole.
    """
    import openvino

    cuts = list(_cuts(model))
    if not cuts:
        return [model]
    for number, value in enumerate(cuts):
        value.get_tensor().set_names({f"cut {number}"})
    end = model.clone()
    inputs = []
    for number, value in enumerate(_cuts(end)):
        made = openvino.op.Parameter(value.get_element_type(), value.get_partial_shape())
        for place in value.get_target_inputs():
            place.replace_source_output(made.output(0))
        made.output(0).get_tensor().set_names({f"cut {number}"})
        inputs.append(made)
    return [openvino.Model(cuts, model.get_parameters()),
            openvino.Model(end.get_results(), [*end.get_parameters(), *inputs])]


def _cuts(model: openvino.Model) -> Iterator[openvino.Output]:
    """Yield the values that go into the last convolution on each way, in an order that a copy of
    the network has, too."""
    waiting = [result.input_value(0) for result in model.get_results()]
    met, found = set(), set()
    while waiting:
        node = waiting.pop().get_node()
        if node.get_friendly_name() in met:
            continue
        met.add(node.get_friendly_name())
        if "Convolution" not in node.get_type_name():
            waiting += node.input_values()
            continue
        value = node.input_value(0)
        key = value.get_node().get_friendly_name(), value.get_index()
        if key not in found:
            found.add(key)
            yield value
