"""Find people in images by an exported network, without PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aepose.apis.predictor import Predictor
from aepose.codecs.core import core
from aepose.codecs.decoder import Decoder
from aepose.codecs.overlap import Batch, Found
from aepose.errors import ConfigError
from aepose.files import sha256_of
from aepose.runtime.description import Description
from aepose.runtime.network import ExportedNetwork


class ExportedModel(Predictor):
    """A network in a file of ``aepose export`` that finds people in pictures.

    path: the file, .onnx, or .xml with .bin beside it
    engine: 'onnxruntime' or 'openvino'; None: what is installed, the first of them first
    device: 'cpu' or, where the engine has it, 'cuda', 'tensorrt', 'gpu', …; None: 'cpu'
    threads: that compute; None: as many as there are cores
    dtype: 'bfloat16' or 'float16', for OpenVINO on a processor that has it; None: as exported

    path: of the file; description: what it says of itself; dtype: as given

    Raises CheckpointError for a file that cannot be used, ConfigError for an engine or a device
    that is not there.

    >>> model = aepose.load_model('model.onnx')                    # doctest: +SKIP
    >>> model.warm_up((640, 480)).predict('holiday/beach.jpg')     # doctest: +SKIP
    """

    def __init__(
        self, path: str | Path, engine: str | None = None, device: str | None = None,
        threads: int | None = None, dtype: str | None = None, cfg_options: Sequence[str] = (),
    ) -> None:
        if cfg_options:
            raise ConfigError(f"{path} has no config that {cfg_options[0]} could change; export "
                              "the network again with it")
        if threads is not None and (type(threads) is not int or threads < 1):
            raise ConfigError(f"threads = {threads!r}: give a whole number from 1")
        core()  # if it is missing, that is said now
        self._network = ExportedNetwork(path, engine, str(device or "cpu").lower(), threads, dtype)
        self.path = self._network.path
        self._device, self.dtype = device, dtype

    @property
    def description(self) -> Description:
        """What the file says of itself."""
        return self._network.description

    @property
    def decoder(self) -> Decoder:
        return self._network.decoder

    def warm_up(self, size: tuple[int, int] = (640, 480)) -> ExportedModel:
        """Run the network once on an empty picture of ``size`` (W, H); return the model.

        The first picture of a size takes longer than the others.
        """
        self.predict(np.zeros((size[1], size[0], 3), np.uint8))
        return self

    def recipe(self) -> dict[str, Any]:
        return {"exported": sha256_of(self.path), "engine": self._network.engine,
                "device": self._device, "dtype": self.dtype}

    def scales(self, multi_scale: bool) -> Sequence[float]:
        """Return the test scales that the file was exported with."""
        scales = self.description.scales
        if multi_scale and len(scales) == 1:
            raise ConfigError(f"{self.path} looks at one scale alone; export it with --multi-scale")
        return scales

    def find_people(
        self, batches: Iterable[Batch], overlap: bool = True, keep_maps: bool = False
    ) -> Found:
        return self._network.find_people(batches, overlap, keep_maps)
