"""The ways to decode, which must agree: compiled, NumPy, and PyTorch on a device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import torch

from aepose.codecs.core import NO_CORE, core
from aepose.codecs.device_maps import DeviceMaps
from aepose.codecs.maps import Maps
from aepose.codecs.read_maps import read_maps
from tests import DEVICE

# On a GPU maps are searched there, and the core does the rest, if it is built.
PATHS = ("compiled", "numpy", "torch") if DEVICE == "cpu" else ("compiled", "torch")
Reader = Callable[[np.ndarray, np.ndarray], Maps]


def missing(path: str) -> str | None:
    """Return why a path cannot be taken here, or None."""
    if path == "compiled" and core() is None:
        return "the compiled core is not built"
    return None


@contextmanager
def on_path(path: str) -> Iterator[Reader]:
    """Within, decode on the path; gives a function that reads maps the way the path does."""
    with_core = path == "compiled" or DEVICE != "cpu"
    with patch.dict("os.environ", {NO_CORE: "0" if with_core else "1"}):
        yield read_tensors if path == "torch" else read_maps


def read_tensors(heatmaps: np.ndarray, tags: np.ndarray) -> Maps:
    """Read maps on the GPU under test, or as if they were on one."""
    # Copies, because tensors cannot show arrays that are read-only or run backwards.
    return DeviceMaps(*(torch.from_numpy(np.array(maps, order="C")).to(DEVICE)
                        for maps in (heatmaps, tags)))
