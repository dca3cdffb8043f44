#!/usr/bin/env python3
"""Say where the time of a test goes: ``python tools/profile_test.py CONFIG [CHECKPOINT]``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

import aepose.startup  # noqa: F401  before what takes long
from aepose.analysis.profile import draw_profile, format_profile, profile_test
from aepose.cli import add_options_argument, add_test_arguments, config_options, positive, run_tool
from aepose.drawing import write_image
from aepose.experiment import Experiment
from aepose.files import make_folder, write_json


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments, measure, print the table and write the chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, or name of a model of the zoo")
    parser.add_argument("checkpoint", nargs="?", help="weights (default: random ones, with which "
                        "hardly anybody is found)")
    parser.add_argument("--images", type=positive, default=50, metavar="N",
                        help="so many of the test set, from its beginning (default: %(default)s)")
    add_test_arguments(parser)
    parser.add_argument("--out", metavar="DIR", help="write profile.png and profile.json there")
    add_options_argument(parser)
    options = parser.parse_args(args)
    experiment = Experiment.load(options.config, config_options(options))
    folder = make_folder(options.out) if options.out else None
    profile = profile_test(experiment, options.checkpoint, options.images, options.multi_scale,
                           options.batch_size)
    print(format_profile(profile))
    if folder:
        write_image(folder / "profile.png", draw_profile(profile))
        write_json(folder / "profile.json", asdict(profile))


if __name__ == "__main__":
    run_tool(main, interrupted="nothing was measured")
