"""Graphs whose convolutions compute in 8 bits, calibrated on the user's pictures.

NNCF does it, on the ONNX graph, from which OpenVINO's files are made as well. With onnxruntime's
own quantiser, which needs no other package, HigherHRNet-w32 took 1.15 times as long in onnxruntime
and 1.4 times in OpenVINO, at the same AP.
"""

from __future__ import annotations

import logging
import sys
from contextlib import redirect_stdout
from types import ModuleType
from typing import Any

import numpy as np
import onnx

from aepose.datasets.transforms.resize import make_eval_item
from aepose.errors import ConfigError
from aepose.exporting.pictures import choose_pictures
from aepose.runtime.description import IMAGE, SIZE, Description

_CONVOLUTIONS = ("Conv", "ConvTranspose")


def quantiser() -> ModuleType:
    """Return NNCF; raises ConfigError where it is not installed."""
    try:
        import nncf
    except ImportError as error:
        raise ConfigError(f"int8 needs nncf, which cannot be used ({error}): pip install "
                          "'aepose[export]'") from None
    nncf.set_log_level(logging.ERROR)
    return nncf


def quantise(graph: onnx.ModelProto, description: Description, source: Any) -> onnx.ModelProto:
    """Return a graph that computes in int8 where that does not cost accuracy.

    source: pictures for the ranges of numbers, see
        :func:`~aepose.exporting.pictures.choose_pictures`, whose errors are raised

    The last convolutions and what follows them stay in float32: heatmaps of 256 levels have flat
    peaks, of which each cell would be somebody's.
    """
    nncf = quantiser()
    decoder, scales = description.decoder(), description.scales
    samples = [(picture, number)
               for picture in choose_pictures(source, description, "calibrate").pictures
               for number in range(len(scales))]

    def feed(sample: tuple[Any, int]) -> dict[str, np.ndarray]:
        picture, number = sample
        item = make_eval_item(picture.load(), decoder, scales, image_path=picture.path)
        inputs = {IMAGE: item.images[number][None]}
        if len(scales) > 1:
            inputs[SIZE] = np.array(item.base_size[::-1], np.int64)
        return inputs

    ranges = nncf.quantization.range_estimator.RangeEstimatorParametersSet
    with redirect_stdout(sys.stderr):  # of its progress
        return nncf.quantize(
            graph, nncf.Dataset(samples, feed), subset_size=len(samples),
            ignored_scope=nncf.IgnoredScope(names=_last_nodes(graph), validate=False),
            # By default ranges are means over pictures; what is rare and strong would be cut.
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=ranges.MINMAX))


def _last_nodes(graph: onnx.ModelProto) -> list[str]:
    """Return the names of the last convolutions on the way to each output, and of what follows."""
    made_by = {name: node for node in graph.graph.node for name in node.output}
    waiting, found = [output.name for output in graph.graph.output], set()
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None or node.name in found:
            continue
        found.add(node.name)
        if node.op_type not in _CONVOLUTIONS:
            waiting += node.input
    return sorted(found)
