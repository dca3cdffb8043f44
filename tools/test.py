#!/usr/bin/env python3
"""Evaluate a checkpoint on the test pictures: ``python tools/test.py CONFIG CHECKPOINT``.

Several processes started by torchrun share the pictures; the first one reports.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import aepose.startup  # noqa: F401  before what takes long
from aepose.apis import evaluate
from aepose.cli import add_options_argument, add_test_arguments, config_options, run_tool
from aepose.drawing import draw_poses, tile_images, write_image
from aepose.engine import is_main_process
from aepose.engine.distributed import process_group
from aepose.experiment import Experiment
from aepose.files import free_name, make_folder
from aepose.images import read_image
from aepose.metainfo import Metainfo
from aepose.results import PoseResult
from aepose.visualization import LEAST_DRAWN_SCORE

OVERVIEW = 12  # drawings in overview.png


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments, test, and print the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, or name of a model of the zoo")
    parser.add_argument("checkpoint", help="weights: a .pth or .safetensors file, its URL, or a "
                        "published file's name")
    add_test_arguments(parser)
    parser.add_argument("--out", metavar="DIR", help="also write predictions.json, metrics.json "
                        "and a row of the published table there")
    parser.add_argument("--show-dir", help="draw each picture's people into this folder")
    parser.add_argument("--work-dir", help="folder of the log (default work_dirs/<config>)")
    add_options_argument(parser)
    options = parser.parse_args(args)
    experiment = Experiment.load(options.config, config_options(options))
    folder = make_folder(options.show_dir) if options.show_dir else None
    drawer = _Drawer(folder, experiment.metainfo, experiment.dataset_option(
        "test", "exif", True)) if folder else None
    with process_group():
        found = evaluate(experiment, options.checkpoint, options.work_dir, options.multi_scale,
                           options.batch_size, options.out, drawer)
        if not is_main_process():
            return
    if drawer and drawer.first:
        write_image(folder / "overview.png", tile_images(drawer.first))
    if not found.metrics:
        print("no annotations to compare with: predictions are written, metrics are skipped")
        return
    print(found.table("multi-scale" if options.multi_scale else "single-scale"))


class _Drawer:
    """Draws each result into ``folder`` and keeps the first drawings with people."""

    def __init__(self, folder: Path, metainfo: Metainfo, exif: bool) -> None:
        self.folder = folder
        self.exif = exif
        self.metainfo = metainfo
        self.first: list[np.ndarray] = []
        self._taken = {"overview"}

    def __call__(self, result: PoseResult) -> None:
        likely = result[result.scores >= LEAST_DRAWN_SCORE]
        drawing = draw_poses(read_image(result.image_path, self.exif), likely, self.metainfo)
        name = free_name(Path(result.image_path).stem, self._taken)
        write_image(self.folder / f"{name}.png", drawing)
        if len(likely) and len(self.first) < OVERVIEW:
            self.first.append(drawing)


if __name__ == "__main__":
    run_tool(main, interrupted="no metrics were computed")
