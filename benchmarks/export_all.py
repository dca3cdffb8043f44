"""Every network of the zoo as ONNX and as OpenVINO's files, for one size and for any:
``python benchmarks/export_all.py [NAME …]``.

Networks have random weights and small pictures. Each file runs in every engine that takes it, and
its maps are compared with PyTorch's, as a share of their maximum.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from aepose.datasets.transforms.resize import make_eval_item
from aepose.experiment import Experiment
from aepose.exporting.export import describe, write_graph
from aepose.exporting.graph import MapsGraph
from aepose.exporting.onnx_file import make_onnx
from aepose.models import AssociativeEmbedding
from aepose.runtime.files import ONNX, SUFFIXES
from aepose.runtime.network import ExportedNetwork
from aepose.runtime.sessions import ENGINES
from aepose.tables import format_table
from aepose.zoo.index import list_models

MOST = 1e-4  # of the maximum that maps may be off
INPUT = 64
FIXED, OTHERS = (128, 64), ((64, 128), (192, 64))  # sizes of network inputs, in pixels


def small_network(name: str, *options: str) -> AssociativeEmbedding:
    """Return a network of the zoo, of random weights and for small pictures, ready for tests."""
    torch.manual_seed(0)
    # With the mirrored picture the graph is twice as long, and made of the same parts.
    changes = [f"codec.input_size={INPUT}", "test_time.flip=False", *options]
    return Experiment.load(name, changes).network().eval().prepare_for_test()


def differences(network: AssociativeEmbedding, name: str, fixed: bool) -> Iterator[
        tuple[str, str, float]]:
    """Export a network; yield format, engine, and how far maps are off, as a share of the maximum.

    fixed: for one size of the network input, else for any
    """
    graph = make_onnx(MapsGraph(network), FIXED, dynamic=not fixed, with_size=False)
    description = describe(network, name, FIXED if fixed else None)
    sizes = [FIXED] if fixed else [FIXED, *OTHERS]
    rng = np.random.default_rng(0)
    items = [make_eval_item(rng.integers(0, 256, (height, width, 3), np.uint8), network.codec, (1,))
             for width, height in sizes]
    expected = [_torch_maps(network, item) for item in items]
    with tempfile.TemporaryDirectory() as folder:
        for suffix in SUFFIXES:
            path = Path(folder) / f"{name}{suffix}"
            write_graph(graph, description, path)
            for engine in ENGINES if suffix == ONNX else ["openvino"]:
                exported = ExportedNetwork(path, engine)
                yield suffix, engine, max(
                    float(np.abs(a - b).max() / np.abs(a).max())
                    for item, maps in zip(items, expected, strict=True)
                    for a, b in zip(maps, exported.maps([item]), strict=True))


def _torch_maps(network: AssociativeEmbedding, item) -> tuple[np.ndarray, np.ndarray]:
    image = torch.from_numpy(item.images[0]).permute(2, 0, 1)[None]
    with torch.no_grad():
        heatmaps, tags = network.aggregate([image], item)
    return heatmaps.numpy(), np.moveaxis(tags.numpy(), -1, 1)


def main(names: list[str]) -> str:
    """Return the table, and how many passed."""
    rows, passed = [], 0
    for name in names:
        start = time.perf_counter()
        network = small_network(name)
        found = [off for fixed in (True, False)
                 for _, _, off in differences(network, name, fixed)]
        passed += max(found) <= MOST
        rows.append([name, *(f"{off:.0e}" for off in found), f"{time.perf_counter() - start:.0f}"])
        print(*rows[-1], flush=True)
    columns = [f"{size}, {kind}" for size in ("one size", "any size") for kind in (
        "ONNX in onnxruntime", "ONNX in OpenVINO", "OpenVINO")]
    return (format_table(["maps off, share of the maximum", *columns, "s"], rows)
            + f"\n\n{passed} of {len(names)} within {MOST:g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of models (default: all)")
    print(main(parser.parse_args().names or [model.name for model in list_models()]))
