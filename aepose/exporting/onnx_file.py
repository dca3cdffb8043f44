"""Graphs as ONNX: exported, cleaned, checked."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import nn

from aepose.exporting.graph import MapsGraph
from aepose.files import whole_file
from aepose.runtime.description import HEATMAPS, IMAGE, KEY, SIZE, TAGS, Description

OPSET = 18
_AXES = {IMAGE: ("N", "H", "W", 3), HEATMAPS: ("N", None, "map H", "map W"),
         TAGS: ("N", None, None, "map H", "map W")}


def make_onnx(graph: MapsGraph, size: tuple[int, int], dynamic: bool, with_size: bool
              ) -> onnx.ModelProto:
    """Return a graph as ONNX, for any number of pictures.

    size: (W, H) of the network input; dynamic: take others, too
    with_size: ask for the size of the maps as a second input
    """
    multiple = graph.model.backbone.size_multiple
    free = {0: 1, 1: multiple, 2: multiple} if dynamic else {0: 1}
    width, height = (max(side, 2 * multiple) for side in size) if dynamic else size
    inputs = {IMAGE: torch.zeros((2, height, width, 3), dtype=torch.uint8)}
    if with_size:
        inputs[SIZE] = torch.tensor([height, width])
    return to_onnx(graph, inputs, (HEATMAPS, TAGS), free, _AXES)


def to_onnx(graph: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str],
            free: Mapping[int, int], axes: Mapping[str, Sequence[str | int | None]]
            ) -> onnx.ModelProto:
    """Return a module as ONNX.

    inputs: an example of each, by name; outputs: their names
    free: axes of the first input in which it takes other sizes, too -> what these are multiples of;
        the example has at least twice that, as a single one would be taken for a constant
    axes: what the axes of inputs and outputs are called
    """
    with torch.no_grad(), _quietly():
        program = torch.onnx.export(
            graph.eval(), tuple(inputs.values()), dynamo=True, opset_version=OPSET, verbose=False,
            input_names=list(inputs), output_names=list(outputs),
            dynamic_shapes=({axis: multiple * torch.export.Dim(f"axis_{axis}")
                             for axis, multiple in free.items()},
                            *[None] * (len(inputs) - 1)))
    return _cleaned(program.model_proto, axes)


def write_onnx(model: onnx.ModelProto, description: Description, path: Path) -> None:
    """Write a graph with its description; the file appears whole or not at all."""
    entry = next((e for e in model.metadata_props if e.key == KEY), None)
    entry = entry or model.metadata_props.add(key=KEY)
    entry.value = description.to_text()
    with whole_file(path) as part:
        part.write_bytes(model.SerializeToString(deterministic=True))
        onnx.checker.check_model(str(part), full_check=True)


def _cleaned(model: onnx.ModelProto, axes: Mapping[str, Sequence[str | int | None]]
             ) -> onnx.ModelProto:
    """Remove what tells of the machine that exported, and name the axes."""
    model.producer_name, model.producer_version = "aepose", ""
    del model.metadata_props[:]
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info,
                 *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for value in (*graph.input, *graph.output):
        names = axes.get(value.name, ())
        for axis, name in zip(value.type.tensor_type.shape.dim, names, strict=bool(names)):
            if axis.dim_param and isinstance(name, str):
                axis.dim_param = name
    # They have the exporter's names of axes; and with them onnxruntime plans its memory beforehand,
    # which took half as much again for a large picture.
    del graph.value_info[:]
    return model


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter from telling of what it cannot do and need not."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(before)


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that computes in float16 and gives its outputs in float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with warnings.catch_warnings(action="ignore"):  # of weights that become 0, as is expected
        halved = convert_float_to_float16(model, keep_io_types=True)
    OnnxModel(halved).topological_sort(is_deterministic=True)  # what casts inputs comes last
    return halved
