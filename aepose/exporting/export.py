"""Export a trained network to one file that runs without PyTorch."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
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
from aepose.exporting.parity import Parity, compare
from aepose.exporting.pictures import choose_pictures
from aepose.exporting.quantise import quantise, quantiser
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
_COMPARED = 8  # drawn pictures, where there are no others
_EXAMPLE_SIDE = 384  # pixels, at most, where they must have a shape


@dataclass(frozen=True)
class Export:
    """A file that was written, and how far it finds what the network did.

    parity: None in the layout of others
    """

    path: Path
    parity: Parity | None


def export(
    config: Experiment | str | Path | None = None,
    checkpoint: str | Path | None = None,
    out: str | Path = "outputs/export",
    format: Format = "onnx",
    size: tuple[int, int] | None = None,
    flip: bool = False,
    multi_scale: bool = False,
    half: bool = False,
    int8: bool = False,
    calibrate: Any = None,
    pictures: Any = None,
    annotations: str | Path | None = None,
    strict: bool = False,
    layout: Layout = "aepose",
    cfg_options: Sequence[str] = (),
) -> Export:
    """Write a trained network to one file (two of OpenVINO) that needs no PyTorch.

    config, checkpoint, cfg_options: as :class:`~aepose.apis.inference.PoseInferencer` takes them
    out: folder of the file, which is called as the model is
    format: 'onnx', or 'openvino' for OpenVINO's own, .xml and .bin
    size: (W, H) of the only network input that it takes, which pictures of that shape are scaled
        to; None: any size, with ``codec.input_size`` of the config
    flip: look at the mirrored picture, too (flip test)
    multi_scale: look at ``test_time.multi_scales`` of the config
    half: weights, and where the engine can, numbers in float16
    int8, calibrate: weights and numbers of most layers in 8 bits, see
        :mod:`aepose.exporting.quantise`, with the ranges that these pictures need: a folder, a
        glob, a film, or what else gives pictures
    pictures: what the file is compared on, of the same kinds; None: drawn ones
    annotations: of ``pictures``, in COCO's format, for AP
    strict: write no file that differs by more than :data:`~aepose.exporting.parity.LIMITS`

    layout: 'omz' has the inputs and outputs of Open Model Zoo's Associative Embedding models, for
        their clients; ``size`` is then the one that the file declares, and that OpenVINO can change

    Inputs, outputs and what else is in the file: :mod:`aepose.runtime.description`. Raises
    ConfigError for options that do not go together, CheckpointError for weights that cannot be
    read, DataError for pictures or annotations that cannot be used, NumericalError if the file does
    not find what the network does, OutputError for a folder that cannot be written.
    """
    _check_options(format, size, multi_scale, half, int8, calibrate, pictures, annotations)
    omz = layout == "omz"
    _check_layout(layout, flip or multi_scale, int8 or strict or pictures is not None)
    source = _changed(PoseInferencer(config, checkpoint, "cpu", cfg_options=cfg_options), size,
                      flip, multi_scale, omz)
    network = source.model.prepare_for_test()
    own_size = size or network.codec.train_size
    experiment = source.experiment
    description = replace(
        describe(network, experiment.name if experiment.file else source.checkpoint.stem,
                 own_size if omz else size, "int8" if int8 else "float16" if half else "float32"),
        checkpoint={"name": source.checkpoint.name, "sha256": sha256_of(source.checkpoint)},
        licence=licence_note(experiment), layout=layout)
    folder, name = make_folder(out), f"{description.name}{_SUFFIXES[format]}"
    # Under its own name there is only what has been tried.
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}.") as part:
        file = Path(part) / name
        parity = None
        if omz:
            _write_omz(network, description, half, file)
        else:
            # What is wrong with pictures is said before the work.
            compared = choose_pictures(
                example_pictures(size, _COMPARED) if pictures is None else pictures, description,
                "pictures")
            ranges = choose_pictures(calibrate, description, "calibrate") if int8 else None
            graph = make_onnx(MapsGraph(network), own_size, dynamic=size is None,
                              with_size=multi_scale)
            if ranges:
                graph = quantise(graph, description, ranges.pictures)
            elif half and format == "onnx":
                graph = halve(graph)
            examples = make_examples(source, example_pictures(size, _EXAMPLES))
            write_graph(graph, replace(description, examples=examples), file)
            verify(ExportedModel(file)).check(name)
            parity = compare(source, file, compared, annotations)
            if strict:
                parity.check(name)
        for made in sorted(Path(part).iterdir()):  # weights before what names them
            made.replace(folder / made.name)
    return Export(folder / name, parity)


def describe(network: AssociativeEmbedding, name: str, size: tuple[int, int] | None,
             precision: str = "float32") -> Description:
    """Return what a file says of a network that is prepared for tests.

    What its weights are, and examples of what it finds, are still missing.
    """
    codec, settings = network.codec, network.test_time
    outputs = [network.keypoint_head.outputs[index] for index in network.test_outputs]
    return Description(
        name=name, metainfo=codec.metainfo, codec=_decoder_options(codec),
        scales=tuple(settings.scales), flip=settings.flip, project2image=settings.project2image,
        map_stride=1 if settings.project2image else outputs[-1].stride,
        outputs=settings.outputs, outputs_first=settings.outputs_first,
        align_corners=settings.align_corners, size=size,
        precision=precision, version=__version__)


def example_pictures(size: tuple[int, int] | None, count: int) -> list[np.ndarray]:
    """Return drawn pictures (H, W, 3) uint8 RGB that fill a network input of ``size``."""
    pictures = [draw_picture(seed) for seed in range(count)]
    if size is None:
        return pictures
    while max(size) > _EXAMPLE_SIDE and not (size[0] % 2 or size[1] % 2):
        size = size[0] // 2, size[1] // 2
    return [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]


def _decoder_options(codec: AssociativeEmbeddingCodec) -> dict[str, Any]:
    return {f.name: getattr(codec, f.name) for f in fields(Decoder) if f.name != "metainfo"}


def _check_options(
    format: str, size: tuple[int, int] | None, multi_scale: bool, half: bool, int8: bool,
    calibrate: Any, pictures: Any, annotations: str | Path | None,
) -> None:
    if format not in _SUFFIXES:
        raise ConfigError(f"format = {format!r}: give 'onnx' or 'openvino'")
    if size is not None and multi_scale:
        raise ConfigError("size and multi_scale: give one of them; at each scale pictures have "
                          "another size")
    if int8 and half:
        raise ConfigError("int8 and half: give one of them")
    if int8 and calibrate is None:
        raise ConfigError("int8 needs pictures like those that it is for, to find the ranges of "
                          "its numbers: give calibrate, a folder of about a hundred")
    if calibrate is not None and not int8:
        raise ConfigError("calibrate is for int8: give both, or none")
    if annotations is not None and pictures is None:
        raise ConfigError("annotations are of pictures: give these, too")
    if int8:
        quantiser()


def _check_layout(layout: str, several_runs: bool, compared: bool) -> None:
    if layout not in LAYOUTS:
        raise ConfigError(f"layout = {layout!r}: give {' or '.join(map(repr, LAYOUTS))}")
    if layout == "omz" and several_runs:
        raise ConfigError("layout = 'omz': its clients run the network once; leave out flip and "
                          "multi_scale")
    if layout == "omz" and compared:
        raise ConfigError("layout = 'omz': its maps are for other programs, and are neither "
                          "quantised nor compared on pictures here; leave out int8, pictures and "
                          "strict")


def _write_omz(network: AssociativeEmbedding, description: Description, half: bool, path: Path
               ) -> None:
    """Write a network in the layout of Open Model Zoo, and try it."""
    module = OmzGraph(network)
    graph = make_omz(module, description.size)
    write_graph(halve(graph) if half and path.suffix == ONNX else graph, description, path)
    try_omz(path, module, cv2.resize(draw_picture(0), description.size), description.precision)


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


def write_graph(graph: onnx.ModelProto, description: Description, path: Path) -> None:
    """Write a graph with its description, in the format that the suffix of the path names."""
    if path.suffix == ONNX:
        write_onnx(graph, description, path)
    else:
        write_openvino(to_openvino(graph), description, path)
