#!/usr/bin/env python3
"""Print the AP that perfect maps give: ``python tools/codec_ceiling.py CONFIG``.

No network and no pictures are needed: people of the annotation file are drawn as heatmaps and tags,
decoded and evaluated. Several sizes, strides or conventions give a row for each combination.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import aepose.startup  # noqa: F401  before what takes long
from aepose.analysis.ceiling import MapNoise, ceiling, variants
from aepose.cli import add_options_argument, positive, run_tool
from aepose.evaluation import format_scores
from aepose.experiment import experiment_of_dataset
from aepose.progress import progress_bar


def strides(text: str) -> tuple[int, ...]:
    """Read the strides of a head's outputs, such as 4,2."""
    return tuple(positive(part) for part in text.split(","))


def input_size(text: str) -> int | tuple[int, ...]:
    """Read the side of a square input, such as 512, or width and height, such as 768,512."""
    sides = strides(text)
    return sides if len(sides) > 1 else sides[0]


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and print the ceilings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, name of a model of the zoo, or of a data set")
    parser.add_argument("--annotations", metavar="FILE",
                        help="COCO-format annotation file (default: the config's test file)")
    parser.add_argument("--input-sizes", type=input_size, nargs="+", default=[], metavar="N[,N]",
                        help="sizes of the network input: 512 is the side of a square, 768,512 "
                        "width and height (default: the config's)")
    parser.add_argument("--strides", type=strides, nargs="+", default=[], metavar="N[,N]",
                        help="input pixels per map cell, of each output: 4 is HRNet's, 4,2 "
                        "HigherHRNet's (default: the config's)")
    parser.add_argument("--conventions", nargs="+", default=[], choices=("classic", "udp"),
                        help="pixel conventions, with maps joined as published configs do "
                        "(default: the config's)")
    parser.add_argument("--heatmap-noise", type=float, default=0, metavar="SD",
                        help="add normal noise to heatmaps, whose peaks are 1")
    parser.add_argument("--tag-noise", type=float, default=0, metavar="SD",
                        help="add normal noise to tags")
    add_options_argument(parser)
    options = parser.parse_args(args)
    experiment = experiment_of_dataset(options.config, options.cfg_options)
    noise = MapNoise(options.heatmap_noise, options.tag_noise)
    cases = list(variants(experiment, options.input_sizes, options.strides, options.conventions))
    rows = {}
    with progress_bar("decoding perfect maps", len(cases)) as show:
        for number, (name, case) in enumerate(cases):
            rows[name] = ceiling(case, options.annotations, noise,
                                 lambda done, total, n=number: show(n + done / total))
    print(format_scores(rows))


if __name__ == "__main__":
    run_tool(main, interrupted="no metrics were computed")
