#!/usr/bin/env python3
"""Draw what the network is fed: ``python tools/browse_dataset.py CONFIG``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import aepose.startup  # noqa: F401  before what takes long
from aepose.cli import add_options_argument, run_tool
from aepose.datasets import CocoKeypoints, Draw
from aepose.drawing import write_image
from aepose.errors import ConfigError
from aepose.experiment import Experiment
from aepose.files import free_name, make_folder
from aepose.metainfo import Metainfo
from aepose.progress import progress_bar
from aepose.visualization import draw_eval_item, draw_train_item


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and write a PNG per sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, or name of a model of the zoo")
    parser.add_argument("--split", choices=("train", "val"), default="train",
                        help="train: augmented, with the loss mask, heatmaps and tag indices; "
                             "val: the test scales (default: %(default)s)")
    parser.add_argument("--count", type=int, default=16,
                        help="number of samples (default: %(default)s)")
    parser.add_argument("--out", default="outputs/browse",
                        help="folder to write (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0,
                        help="which samples, and their augmentation (default: %(default)s)")
    add_options_argument(parser)
    options = parser.parse_args(args)
    for name, least in (("count", 1), ("seed", 0)):
        if getattr(options, name) < least:
            raise ConfigError(f"--{name} {getattr(options, name)}: give a number of at least "
                              f"{least}")
    experiment = Experiment.load(options.config, options.cfg_options)
    dataset = experiment.dataset(options.split)
    out = make_folder(options.out)
    draws = choose(len(dataset), options.count, options.seed)
    taken: set[str] = set()
    with progress_bar("drawing samples", len(draws)) as show:
        for done, draw in enumerate(draws, start=1):
            drawing, stem = draw_sample(dataset, draw, experiment.metainfo)
            write_image(out / f"{free_name(stem, taken)}.png", drawing)
            show(done)
    print(f"{len(draws)} of {len(dataset)} samples: {out}")


def choose(total: int, count: int, seed: int) -> list[Draw]:
    """Return at most ``count`` different samples, each with a random seed of its own."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(total)[:count].tolist()
    return [Draw(index, int(rng.integers(2**31))) for index in chosen]


def draw_sample(dataset: CocoKeypoints, draw: Draw, metainfo: Metainfo) -> tuple[np.ndarray, str]:
    """Return the drawing (H, W, 3) uint8 RGB of one sample and the name of its picture."""
    if dataset.test_mode:
        sample = dataset.load_sample(draw.index)
        drawing = draw_eval_item(sample, dataset[draw.index], dataset.codec, metainfo)
    else:
        sample = dataset.augmented_sample(draw)
        drawing = draw_train_item(sample, dataset.codec.encode(sample), metainfo)
    return drawing, Path(sample.image_path).stem


if __name__ == "__main__":
    run_tool(main, interrupted="the pictures already written are whole")
