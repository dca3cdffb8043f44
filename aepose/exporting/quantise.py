"""Graphs whose convolutions compute in 8 bits, calibrated on the user's pictures.

NNCF does it, on the ONNX graph, from which OpenVINO's files are made as well. With onnxruntime's
own quantiser, which needs no other package, HigherHRNet-w32 took 1.15 times as long in onnxruntime
and 1.4 times in OpenVINO, at the same AP.
"""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from types import ModuleType

import numpy as np
import onnx

from aepose.apis.sources import Picture
from aepose.datasets.transforms.resize import make_eval_item
from aepose.errors import ConfigError
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


def quantise(
    graph: onnx.ModelProto, description: Description, pictures: Sequence[Picture]
) -> onnx.ModelProto:
    """Return a graph that computes in int8 where that does not cost accuracy.

    pictures: for the ranges of numbers

    The last convolutions and what follows them stay in float32: heatmaps of 256 levels have flat
    peaks, of which each cell would be somebody's. So do the first ones, which read the picture:
    OpenVINO computes them in 8 bits so that maps are off five times as much.
    """
    nncf = quantiser()
    decoder, scales = description.decoder(), description.scales
    samples = [(picture, number) for picture in pictures for number in range(len(scales))]

    def feed(sample: tuple[Picture, int]) -> dict[str, np.ndarray]:
        picture, number = sample
        item = make_eval_item(picture.load(), decoder, scales, image_path=picture.path)
        inputs = {IMAGE: item.images[number][None]}
        if len(scales) > 1:
            inputs[SIZE] = np.array(item.base_size[::-1], np.int64)
        return inputs

    with redirect_stdout(sys.stderr):  # of its progress
        return nncf.quantize(
            graph, nncf.Dataset(samples, feed), subset_size=len(samples),
            ignored_scope=nncf.IgnoredScope(names=_kept_nodes(graph), validate=False))


def _kept_nodes(graph: onnx.ModelProto) -> list[str]:
    """Return the names of what is not quantised: up to the first convolution and from the last.

    These are, on each way from the picture to an output, all nodes up to a convolution, with it.
    """
    makers, users = {}, defaultdict(list)
    for node in graph.graph.node:
        makers |= dict.fromkeys(node.output, node)
        for name in node.input:
            users[name].append(node)
    last = _up_to_convolution([output.name for output in graph.graph.output],
                              lambda name: [makers[name]] if name in makers else [],
                              lambda node: node.input)
    first = _up_to_convolution([IMAGE], lambda name: users[name], lambda node: node.output)
    return sorted(first | last)


def _up_to_convolution(
    names: list[str], nodes_at: Callable[[str], list[onnx.NodeProto]],
    beyond: Callable[[onnx.NodeProto], Iterable[str]],
) -> set[str]:
    """Walk through a graph in one direction; return the names of the nodes that were met."""
    waiting, found = list(names), set()
    while waiting:
        for node in nodes_at(waiting.pop()):
            if node.name not in found:
                found.add(node.name)
                if node.op_type not in _CONVOLUTIONS:
                    waiting += beyond(node)
    return found
