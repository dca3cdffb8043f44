"""Running the graph of an exported network: by onnxruntime or OpenVINO."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from aepose.errors import CheckpointError, ConfigError, nearest
from aepose.runtime.description import HEATMAPS, IMAGE, SIZE, TAGS
from aepose.runtime.files import OPENVINO
from aepose.runtime.mixed import split_end

# Device -> what onnxruntime calls the part of it that computes there.
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider",
              "tensorrt": "TensorrtExecutionProvider", "coreml": "CoreMLExecutionProvider",
              "directml": "DmlExecutionProvider", "openvino": "OpenVINOExecutionProvider"}
# Type -> what OpenVINO calls it, there and among what a device can do.
_OPENVINO_TYPES = {"float32": ("f32", "FP32"), "bfloat16": ("bf16", "BF16"),
                   "float16": ("f16", "FP16")}


class Session(ABC):
    """A loaded graph; several threads may run it at once."""

    def run(
        self, images: np.ndarray, size: tuple[int, int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the heatmaps (N, K, H', W') and tags (N, L, K or 1, H', W') of pictures.

        images: (N, H, W, 3) uint8 RGB; size: (W', H') of the maps, for a graph that asks for it
        """
        feed = {IMAGE: images}
        if size is not None:
            feed[SIZE] = np.array(size[::-1], np.int64)
        found = self.infer(feed)
        return found[HEATMAPS], found[TAGS]

    @abstractmethod
    def infer(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name, in memory that is not used again."""


class OnnxSession(Session):
    """A graph run by onnxruntime.

    device: one of 'cpu', 'cuda', 'tensorrt', 'coreml', 'directml', 'openvino'
    threads: that compute; None: as many as there are cores
    """

    def __init__(self, path: Path, device: str = "cpu", threads: int | None = None,
                 dtype: str | None = None) -> None:
        if dtype is not None:
            raise ConfigError(f"dtype = '{dtype}': onnxruntime computes in the types of the file; "
                              "export it with --half or --int8, or use engine='openvino'")
        onnxruntime = _package("onnxruntime")
        name, _, number = device.partition(":")
        if name not in _PROVIDERS:
            raise ConfigError(f"device = '{device}' is unknown to onnxruntime"
                              + nearest(name, _PROVIDERS))
        provider, there = _PROVIDERS[name], onnxruntime.get_available_providers()
        if provider not in there:
            raise ConfigError(f"device = '{device}': this onnxruntime has no {provider}, but "
                              f"{', '.join(there)}; install the build that has it (CUDA, "
                              "TensorRT: pip install onnxruntime-gpu), or give device='cpu'")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors; it warns of what it does well
        if threads is not None:
            options.intra_op_num_threads = threads
        settings = {"device_id": number} if number else {}
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=[(provider, settings)])
        except Exception as error:  # it has classes of its own for each kind of mistake
            raise CheckpointError(f"{path}: onnxruntime {onnxruntime.__version__} cannot load it: "
                                  f"{_first_line(error)}") from None
        used = self._session.get_providers()
        if provider not in used:
            raise ConfigError(f"device = '{device}': onnxruntime has {provider}, but it does not "
                              "start (is there such a device, with its driver and libraries?); "
                              "give device='cpu'")

    def infer(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, feed), strict=True))


class OpenVinoSession(Session):
    """A graph run by OpenVINO, from its own files or from ONNX.

    device: 'cpu', 'gpu', 'npu' or 'auto'
    threads: that compute; None: as many as there are cores
    dtype: 'bfloat16' or 'float16' computes in that type, if the device can, all but the end
        (:mod:`aepose.runtime.mixed`); None: float32
    """

    def __init__(self, path: Path, device: str = "cpu", threads: int | None = None,
                 dtype: str | None = None) -> None:
        core = _openvino_core()
        kind, ability = _openvino_type(dtype or "float32")
        there = core.available_devices
        if device.upper().partition(".")[0] not in {"AUTO", *(d.partition(".")[0] for d in there)}:
            raise ConfigError(f"device = '{device}': OpenVINO has no such device here, but "
                              f"{', '.join(d.lower() for d in there)}")
        if dtype and ability not in core.get_property(device.upper(), "OPTIMIZATION_CAPABILITIES"):
            raise ConfigError(f"dtype = '{dtype}': device '{device}' does not compute in it; leave "
                              "dtype out")
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            model = core.read_model(path)
            parts = [model] if kind == "f32" else split_end(model)
            # The last of several is the end, in float32.
            types = [kind, "f32"]
            self._parts = [
                core.compile_model(part, device.upper(),
                                   {**settings, "INFERENCE_PRECISION_HINT": own})
                for part, own in zip(parts, types, strict=False)]
        except RuntimeError as error:
            version = _package("openvino").__version__
            raise CheckpointError(f"{path}: OpenVINO {version} cannot load it: "
                                  f"{_first_line(error)}") from None
        self._own = threading.local()

    def infer(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        # Each thread its requests; what one gives out is a copy.
        if not hasattr(self._own, "requests"):
            self._own.requests = [part.create_infer_request() for part in self._parts]
        for part, request in zip(self._parts, self._own.requests, strict=True):
            names = (name for place in part.inputs for name in place.names if name in feed)
            values = request.infer({name: feed[name] for name in names})
            # What is converted at the end has several names.
            found = {name: values[place] for place in part.outputs for name in place.names}
            feed = feed | found
        return found


ENGINES = {"onnxruntime": OnnxSession, "openvino": OpenVinoSession}


def choose_engine(path: Path, engine: str | None = None) -> str:
    """Return the name of what runs a file: as asked for, or what is installed.

    Raises ConfigError for an unknown one, for one that cannot run such files, and where none is
    installed.
    """
    openvino_file = path.suffix.lower() == OPENVINO
    if engine is None:
        usable = ["openvino"] if openvino_file else list(ENGINES)
        installed = [name for name in usable if importlib.util.find_spec(name)]
        if not installed:
            raise ConfigError(f"{path} needs {' or '.join(usable)}, which is not installed: pip "
                              f"install {usable[0]}")
        return installed[0]
    if engine not in ENGINES:
        raise ConfigError(f"engine = '{engine}' is unknown" + nearest(engine, ENGINES))
    if openvino_file and engine != "openvino":
        raise ConfigError(f"engine = '{engine}' runs no OpenVINO files ({path}); export it with "
                          "--format onnx")
    return engine


def _openvino_type(dtype: str) -> tuple[str, str]:
    if dtype not in _OPENVINO_TYPES:
        raise ConfigError(f"dtype = '{dtype}': OpenVINO computes in {', '.join(_OPENVINO_TYPES)}"
                          + nearest(dtype, _OPENVINO_TYPES))
    return _OPENVINO_TYPES[dtype]


@functools.cache
def _openvino_core() -> Any:
    """Return what loads graphs, one for the process, for good.

    Its CPU plugin gives the thread that makes it a stack for signal handlers, and takes it away
    where it is deleted. In another thread (of the garbage collector's choice) it leaves the first
    one a stack that is gone, and the next signal, as that of a data loader's worker which ends,
    kills the process (OpenVINO 2026.4).
    """
    return _package("openvino").Core()


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"{name} cannot be used ({error}): pip install {name}") from None


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))
