"""Train a network: ``python tools/train.py CONFIG``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from aepose.apis import dry_run, train
from aepose.apis.cli import add_options_argument, run_tool
from aepose.config import load_config


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, or name of a model of the zoo")
    parser.add_argument("--work-dir", help="folder of the output (default work_dirs/<config>)")
    parser.add_argument("--resume", nargs="?", const=True, default=False, metavar="PATH",
                        help="go on from PATH, or from the newest checkpoint of the work dir")
    parser.add_argument("--seed", type=int, help="seed of weights, data order and augmentation")
    parser.add_argument("--dry-run", action="store_true",
                        help="build everything, run one step, report, and exit")
    add_options_argument(parser)
    options = parser.parse_args(args)
    cfg = load_config(options.config, options.cfg_options)
    if options.seed is not None:
        cfg.merge_from_dict({"randomness.seed": options.seed})
    if options.dry_run:
        print(dry_run(cfg))
    else:
        train(cfg, options.work_dir, options.resume)


if __name__ == "__main__":
    run_tool(main)
