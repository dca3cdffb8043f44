"""Export a trained network to one file that runs without PyTorch."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import onnx

from aepose.apis.exported import ExportedModel
from aepose.apis.inference import PoseInferencer
from aepose.apis.verify import make_examples, verify
from aepose.codecs.associative_embedding import AssociativeEmbeddingCodec
from aepose.codecs.decoder import Decoder
from aepose.codecs.options import checked_size
from aepose.errors import ConfigError
from aepose.experiment import Experiment
from aepose.exporting.graph import MapsGraph
from aepose.exporting.omz import OmzGraph, check_codec, make_omz, try_omz
from aepose.exporting.onnx_file import halve, make_onnx, write_onnx
from aepose.exporting.openvino_file import to_openvino, write_openvino
from aepose.files import make_folder, sha256_of
from aepose.models import AssociativeEmbedding
from aepose.release.publish import licence_note
from aepose.runtime.description import LAYOUTS, Description
from aepose.runtime.files import ONNX, OPENVINO
from aepose.toy import draw_picture
from aepose.version import __version__

Format = Literal["onnx", "openvino"]
Layout = Literal["aepose", "omz"]
_SUFFIXES = {"onnx": ONNX, "openvino": OPENVINO}
_EXAMPLES = 2
_EXAMPLE_SIDE = 384  # pixels, at most, where they must have a shape


def export(
    config: Experiment | str | Path | None = None,
    checkpoint: str | Path | None = None,
    out: str | Path = "outputs/export",
    format: Format = "onnx",
    size: tuple[int, int] | None = None,
    flip: bool = False,
    multi_scale: bool = False,
    half: bool = False,
    cfg_options: Sequence[str] = (),
    layout: Layout = "aepose",
) -> Path:
    """Write a trained network to one file (two of OpenVINO) that needs no PyTorch.

    config, checkpoint, cfg_options: as :class:`~aepose.apis.inference.PoseInferencer` takes them
    out: folder of the file, which is called as the model is
    format: 'onnx', or 'openvino' for OpenVINO's own, .xml and .bin
    size: (W, H) of the only network input that it takes, which pictures of that shape are scaled
        to; None: any size, with ``codec.input_size`` of the config
    flip: look at the mirrored picture, too (flip test)
    multi_scale: look at ``test_time.multi_scales`` of the config
    half: weights, and where the engine can, numbers in float16
    layout: 'omz' has the inputs and outputs of Open Model Zoo's Associative Embedding models, for
        their clients; ``size`` is then the one that the file declares, and that OpenVINO can change

    Returns the file. Inputs, outputs and what else is in it: :mod:`aepose.runtime.description`.
    Raises ConfigError for options that do not go together, CheckpointError for weights that cannot
    be read, NumericalError if the file does not find what the network does, OutputError for a
    folder that cannot be written.
    """
    if format not in _SUFFIXES:
        raise ConfigError(f"format = {format!r}: give 'onnx' or 'openvino'")
    if layout not in LAYOUTS:
        raise ConfigError(f"layout = {layout!r}: give {' or '.join(map(repr, LAYOUTS))}")
    omz = layout == "omz"
    if omz and (flip or multi_scale):
        raise ConfigError("layout = 'omz': its clients run the network once; leave out flip and "
                          "multi_scale")
    if size is not None and multi_scale:
        raise ConfigError("size and multi_scale: give one of them; at each scale pictures have "
                          "another size")
    source = _changed(PoseInferencer(config, checkpoint, "cpu", cfg_options=cfg_options), size,
                      flip, multi_scale, omz)
    network = source.model.prepare_for_test()
    module = OmzGraph(network) if omz else MapsGraph(network)
    own_size = size or network.codec.train_size
    description = describe(source, network, own_size if omz else size, half, layout)
    if omz:
        graph = make_omz(module, own_size)
    else:
        graph = make_onnx(module, own_size, dynamic=size is None, with_size=multi_scale)
        description = replace(description, examples=make_examples(source, example_pictures(size)))
    if half and format == "onnx":
        graph = halve(graph)
    folder = make_folder(out)
    name = f"{description.name}{_SUFFIXES[format]}"
    # Under its own name there is only what has been tried.
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}.") as part:
        _write(graph, description, Path(part) / name)
        if omz:
            try_omz(Path(part) / name, module, cv2.resize(draw_picture(0), own_size),
                    description.precision)
        else:
            verify(ExportedModel(Path(part) / name)).check(name)
        for file in sorted(Path(part).iterdir()):  # weights before what names them
            file.replace(folder / file.name)
    return folder / name


def describe(source: PoseInferencer, network: AssociativeEmbedding,
             size: tuple[int, int] | None, half: bool, layout: Layout) -> Description:
    """Return what an exported file says of a network; examples are still missing."""
    codec, settings = network.codec, network.test_time
    outputs = [network.keypoint_head.outputs[index] for index in network.test_outputs]
    return Description(
        name=source.experiment.name if source.experiment.file else source.checkpoint.stem,
        metainfo=codec.metainfo, codec=_decoder_options(codec), scales=tuple(settings.scales),
        flip=settings.flip, project2image=settings.project2image,
        map_stride=1 if settings.project2image else outputs[-1].stride, size=size,
        precision="float16" if half else "float32", layout=layout,
        checkpoint={"name": source.checkpoint.name, "sha256": sha256_of(source.checkpoint)},
        licence=licence_note(source.experiment), version=__version__)


def example_pictures(size: tuple[int, int] | None) -> list[np.ndarray]:
    """Return drawn pictures (H, W, 3) uint8 RGB that fill a network input of ``size``."""
    pictures = [draw_picture(seed) for seed in range(_EXAMPLES)]
    if size is None:
        return pictures
    while max(size) > _EXAMPLE_SIDE and not (size[0] % 2 or size[1] % 2):
        size = size[0] // 2, size[1] // 2
    return [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]


def _decoder_options(codec: AssociativeEmbeddingCodec) -> dict[str, Any]:
    return {f.name: getattr(codec, f.name) for f in fields(Decoder) if f.name != "metainfo"}


def _changed(source: PoseInferencer, size: tuple[int, int] | None, flip: bool, multi_scale: bool,
             omz: bool) -> PoseInferencer:
    """Return the network as it is to be exported."""
    experiment = source.experiment
    changes: dict[str, Any] = {"test_time.flip": flip, "test_time.dtype": None}
    if size is not None:
        changes["codec.input_size"] = checked_size(size, experiment.codec.size_multiple, "size")
    if multi_scale:
        changes["test_time.scales"] = list(experiment.test_time.multi_scales)
    if omz:
        check_codec(experiment.codec)
        changes |= {"test_time.scales": [1], "test_time.project2image": False}
    return PoseInferencer(experiment.changed(changes), source.checkpoint, "cpu")


def _write(graph: onnx.ModelProto, description: Description, path: Path) -> None:
    if path.suffix == ONNX:
        write_onnx(graph, description, path)
    else:
        write_openvino(to_openvino(graph), description, path)
