"""Print the AP that perfect heatmaps and tags give: ``python tools/ceiling.py CONFIG``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from aepose.apis.ceiling import ceiling
from aepose.apis.cli import add_options_argument, progress_bar, run_tool
from aepose.config import load_config
from aepose.evaluation.table import format_metrics


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and print the ceiling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, or name of a model of the zoo")
    add_options_argument(parser)
    options = parser.parse_args(args)
    cfg = load_config(options.config, options.cfg_options)
    with progress_bar("decoding perfect maps", 1) as show:
        metrics = ceiling(cfg, lambda done, total: show(done / total))
    print(format_metrics({"ceiling": metrics}))


if __name__ == "__main__":
    run_tool(main, interrupted="no metrics were computed")
