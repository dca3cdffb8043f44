"""What an exported network says of itself: all that running it needs besides its graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from aepose.codecs.decoder import Decoder
from aepose.errors import CheckpointError, ConfigError
from aepose.metainfo import Metainfo, get_metainfo, plain_metainfo

KEY = "aepose"
"""Under which name the description stands among what an ONNX or OpenVINO file says of itself."""
DECODE_KEY = "aepose_decode"
"""The same for :meth:`Description.decode_options`, in files of OpenVINO."""
FORMAT = 1
LAYOUTS = "aepose", "omz"
IMAGE, SIZE, HEATMAPS, TAGS = "image", "size", "heatmaps", "tags"
"""The inputs and outputs of the graph.

image: (N, H, W, 3) uint8 RGB pictures, warped to the network input
size: (2,) int64, (H', W') of the maps, in pixels of the network input at scale 1; only of networks
    that look at several scales, which run once per scale
heatmaps: (N, K, H', W') float32, mean over outputs and flip test; peaks of about 1 at keypoints
tags: (N, L, K or 1, H', W') float32, L = 2 with flip test; equal tags make a person
"""


@dataclass(frozen=True)
class Description:
    """Facts about an exported network.

    name: of its model or config
    metainfo: the keypoints that it finds
    codec: the options of its :class:`~aepose.codecs.decoder.Decoder`, without the metainfo
    scales: test scales, with tags from scale 1; flip: whether the graph looks at the mirrored
        picture, too
    project2image: whether maps have the size of the network input; else they have one cell for
        ``map_stride`` input pixels
    outputs, outputs_first, align_corners: as in ``test_time`` of the config, of how the graph joins
        the network's outputs
    size: (W, H) of the only network input that the graph takes, or None for any size
    precision: 'float32', 'float16' or 'int8', of its backbone
    layout: 'aepose', with inputs and outputs as above, or 'omz', for clients of Open Model Zoo, see
        :mod:`aepose.exporting.omz`
    checkpoint: ``name`` and ``sha256`` of the weights
    licence: note on the data that it was trained on
    version: of aepose that wrote the file
    examples: pictures and the people that were found in them, see :mod:`aepose.apis.verify`
    """

    name: str
    metainfo: Metainfo
    codec: Mapping[str, Any]
    scales: tuple[float, ...] = (1,)
    flip: bool = True
    project2image: bool = True
    map_stride: int = 1
    outputs: tuple[int, ...] | None = None
    outputs_first: bool = False
    align_corners: bool = False
    size: tuple[int, int] | None = None
    precision: str = "float32"
    layout: str = "aepose"
    checkpoint: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    version: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()

    def decoder(self) -> Decoder:
        """Return what finds people in the network's maps."""
        return Decoder(metainfo=self.metainfo, **self.codec)

    def decode_options(self) -> str | None:
        """Return the options of decoding as the C++ example takes them; None where it cannot."""
        decoder = self.decoder()
        if decoder.reach is not None or len(self.metainfo.classes) > 1:
            return None
        flags = {name: int(getattr(decoder, name)) for name in (
            "use_detection_val", "ignore_too_much", "first_people_only", "adjust", "refine")}
        values = {**{name: getattr(decoder, name) for name in (
            "max_num_people", "nms_kernel", "detection_threshold", "tag_threshold", "convention")},
            **flags, "subpixel": decoder.subpixel or decoder.geometry.subpixel,
            "grouping_order": ",".join(map(str, decoder.grouping_index))}
        return " ".join(f"{name}={value}" for name, value in values.items())

    def to_text(self) -> str:
        """Return the text that goes into the file."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps({"format": FORMAT, **values, "metainfo": plain_metainfo(self.metainfo)})

    @classmethod
    def parse(cls, text: str, path: str) -> Description:
        """Read :meth:`to_text`; raises CheckpointError that names the file and what is wrong."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _unusable(path, f"it is no JSON ({error})") from None
        if not isinstance(content, dict):
            raise _unusable(path, "it is no object")
        number = content.pop("format", None)
        if type(number) is not int or number < 1:
            raise _unusable(path, "'format' is missing")
        if number > FORMAT:
            raise CheckpointError(
                f"{path} was written by aepose {content.get('version', 'of a newer version')} in "
                f"format {number}, and this version reads up to {FORMAT}: update aepose, or export "
                "the network again")
        known = {f.name for f in fields(cls)}
        missing = sorted(known - set(content))
        if missing:
            raise _unusable(path, f"it lacks {', '.join(missing)}")
        values = {name: _as_tuple(value) for name, value in content.items() if name in known}
        try:
            made = cls(**{**values, "metainfo": get_metainfo(content["metainfo"])})
            made.decoder()
            made._check()
        except (ConfigError, TypeError, ValueError) as error:
            raise _unusable(path, str(error)) from None
        return made

    def _check(self) -> None:
        """Raise ConfigError for values that cannot be."""
        scales = self.scales
        if not (isinstance(scales, tuple) and scales
                and all(isinstance(scale, (int, float)) and scale > 0 for scale in scales)
                and (len(scales) == 1 or 1 in scales)):
            raise ConfigError(f"scales = {scales!r}")
        if not (self.size is None or (isinstance(self.size, tuple) and len(self.size) == 2
                                      and all(type(side) is int and side > 0
                                              for side in self.size))):
            raise ConfigError(f"size = {self.size!r}")
        if type(self.map_stride) is not int or self.map_stride < 1:
            raise ConfigError(f"map_stride = {self.map_stride!r}")
        for name in ("flip", "project2image", "outputs_first", "align_corners"):
            if type(getattr(self, name)) is not bool:
                raise ConfigError(f"{name} = {getattr(self, name)!r}")
        if self.layout not in LAYOUTS:
            raise ConfigError(f"layout = {self.layout!r}")
        if not isinstance(self.examples, tuple):
            raise ConfigError("examples are no list")


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(part) for part in value) if isinstance(value, list) else value


def _unusable(path: str, why: str) -> CheckpointError:
    return CheckpointError(f"{path}: its description by `aepose export` cannot be used: {why}; "
                           "export the network again")
