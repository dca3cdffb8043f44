"""MMPose's aggregation of network outputs, on what benchmarks/aggregate.py saved.

Arguments: an npz per case, named after a published config and the number of test scales
(``CONFIG.SCALES.npz``). Each holds base_size, scales, flip_index, and the outputs
``output.<scale>.<pass>.<output>``. The detector itself runs, with these outputs in place of its
network's, and ends where it would start to look for people. Maps of its first run are saved beside
the input, as ``CONFIG.SCALES.aggregated.npz``.
"""

import itertools
import sys
import time
from pathlib import Path

import numpy as np
import serve
import torch
from mmpose.models import build_posenet


class Stored(torch.nn.Module):
    """A head that gives stored outputs, one call after the other."""

    def __init__(self, calls):
        super().__init__()
        self.calls = itertools.cycle(calls)

    def forward(self, features):
        return next(self.calls)


class AggregatedError(Exception):
    """Ends a run; carries the maps."""


class Parser:
    """Where people would be looked for."""

    def parse(self, heatmaps, tags, *options):
        raise AggregatedError(heatmaps, tags)


def make_aggregation(path):
    """Return a function that aggregates the outputs of one case and returns the seconds."""
    arrays = np.load(path)
    model = build_posenet(serve.load_peer_config(path.name.split(".")[0]).model).eval()
    outputs = {name: torch.from_numpy(arrays[name]) for name in arrays.files if "output" in name}
    # "output.0.1" -> what the network gives for the mirrored picture (1) at the largest scale (0).
    calls = sorted({name.rsplit(".", 1)[0] for name in outputs})
    model.backbone = torch.nn.Identity()
    model.keypoint_head = Stored(
        [[outputs[n] for n in sorted(outputs) if n.startswith(call)] for call in calls])
    model.parser = Parser()
    scales = arrays["scales"].tolist()
    meta = {"image_file": "", "aug_data": [torch.zeros(1, 3, 2, 2) for _ in scales],
            "test_scale_factor": scales, "base_size": tuple(arrays["base_size"].tolist()),
            "center": np.zeros(2), "scale": np.ones(2),
            "flip_index": arrays["flip_index"].tolist()}

    def run():
        start = time.perf_counter()
        try:
            with torch.no_grad():
                model.forward_test(meta["aug_data"][0], [meta])
        except AggregatedError as aggregated:
            return time.perf_counter() - start, aggregated.args
        raise RuntimeError("the detector looked for nobody")

    _, (heatmaps, tags) = run()
    np.savez(path.with_suffix(".aggregated.npz"), heatmaps=heatmaps, tags=tags)
    return lambda: run()[0]


cases = [Path(argument) for argument in sys.argv[1:]]
serve.serve({path.stem: make_aggregation(path) for path in cases})
