"""Graphs as OpenVINO's intermediate representation: an .xml file, and a .bin file of weights."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from aepose.files import whole_file
from aepose.runtime.description import DECODE_KEY, KEY, Description

if TYPE_CHECKING:
    import openvino


def to_openvino(model: onnx.ModelProto) -> openvino.Model:
    """Return an ONNX graph as OpenVINO's own converter reads it."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        onnx.save(model, path)
        return openvino.convert_model(path)


def write_openvino(model: openvino.Model, description: Description, path: Path) -> None:
    """Write a graph with its description to ``path`` and, beside it, the weights.

    Weights are stored in float16 where the description says so. The .xml file, which is what users
    name, appears last and whole.
    """
    import openvino

    model.set_rt_info(description.to_text(), [KEY])
    decode = description.decode_options()
    if decode is not None:
        model.set_rt_info(decode, [DECODE_KEY])
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as folder:
        made = Path(folder) / path.name
        openvino.save_model(model, made, compress_to_fp16=description.precision == "float16")
        with whole_file(path.with_suffix(".bin")) as part:
            os.replace(made.with_suffix(".bin"), part)
        with whole_file(path) as part:
            os.replace(made, part)
