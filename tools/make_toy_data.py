#!/usr/bin/env python3
"""Draw the toy data set: ``python tools/make_toy_data.py``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import aepose.startup  # noqa: F401  before what takes long
from aepose.cli import run_tool
from aepose.progress import progress_bar
from aepose.toy import make_toy_dataset


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and draw the set."""
    parser = argparse.ArgumentParser(description="Draw pictures of toy people in COCO's layout.")
    parser.add_argument("--out", default="data/toy", help="folder to write (default: %(default)s)")
    parser.add_argument("--train", type=_count, default=4000,
                        help="training pictures (default: %(default)s)")
    parser.add_argument("--val", type=_count, default=400,
                        help="validation pictures (default: %(default)s)")
    parser.add_argument("--seed", type=_count, default=0, help="0 or more (default: %(default)s)")
    parser.add_argument("--hard", action="store_true",
                        help="more, smaller and more strongly overlapping people")
    options = parser.parse_args(args)
    with progress_bar("drawing", options.train + options.val) as show:
        out = make_toy_dataset(
            options.out, options.train, options.val, seed=options.seed, hard=options.hard,
            progress=lambda done, total: show(done))
    print(f"{out}: {options.train} training and {options.val} validation pictures")


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} must be 0 or more")
    return value


if __name__ == "__main__":
    run_tool(main, interrupted="the set is not complete; the same command makes it anew")
