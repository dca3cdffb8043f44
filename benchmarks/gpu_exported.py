"""Run an exported network on a GPU by onnxruntime: ``python benchmarks/gpu_exported.py``.

Of the toy network that ships, with its two examples. Prints what is not tested where this
onnxruntime, or the machine, has no CUDA or TensorRT; exits with 1 if people are not found again.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Iterator

import aepose
from aepose.apis.exported import ExportedModel
from aepose.apis.verify import verify
from aepose.errors import ConfigError, NumericalError
from aepose.zoo.hub import TOY_CHECKPOINT
from common import table

DEVICES = "cuda", "tensorrt"
PACKAGES = "onnx", "onnxscript", "onnxruntime"


def rows() -> Iterator[list[str]]:
    """Yield a row for each device."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        yield ["all", f"not tested: {', '.join(missing)} not installed", ""]
        return
    with tempfile.TemporaryDirectory() as folder:
        path = aepose.export(checkpoint=TOY_CHECKPOINT, out=folder, flip=True).path
        for device in DEVICES:
            try:
                tried = verify(ExportedModel(path, "onnxruntime", device))
            except ConfigError as error:
                yield [device, f"not tested: {error}", ""]
                continue
            try:
                tried.check(path)
            except NumericalError as error:
                yield [device, f"FAILED: {error}", f"{tried.difference:.1e}"]
            else:
                yield [device, f"{tried.found.same} of {tried.found.first} people agree",
                       f"{tried.difference:.1e}"]


def main() -> int:
    """Print the table; return the exit status."""
    found = list(rows())
    print(table(["exported, onnxruntime", "result", "heatmaps differ"], found))
    return int(any(row[1].startswith("FAILED") for row in found))


if __name__ == "__main__":
    sys.exit(main())
