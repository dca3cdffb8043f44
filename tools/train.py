#!/usr/bin/env python3
"""Train a network: ``python tools/train.py CONFIG``, or in several processes by torchrun."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import aepose.startup  # noqa: F401  before what takes long
from aepose.apis import dry_run, train
from aepose.cli import AMP_TYPES, add_options_argument, positive, run_tool, seed
from aepose.engine import is_main_process
from aepose.engine.distributed import process_group
from aepose.experiment import Experiment
from aepose.malloc import keep_freed_memory


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, or name of a model of the zoo")
    parser.add_argument("--work-dir", help="folder of the output (default work_dirs/<config>)")
    parser.add_argument("--resume", nargs="?", const=True, default=False, metavar="PATH",
                        help="go on from PATH, or from the newest checkpoint of the work dir")
    parser.add_argument("--finetune", metavar="CHECKPOINT",
                        help="start from what fits of a checkpoint (a file, its URL, or a "
                        "published file's name), also of other keypoints")
    parser.add_argument("--seed", type=seed, help="seed of weights, data order and augmentation")
    parser.add_argument("--dry-run", action="store_true",
                        help="build everything, run one step, report, and exit")
    speed = parser.add_argument_group("speed and memory")
    speed.add_argument("--amp", nargs="?", const="bf16", choices=sorted(AMP_TYPES),
                       help="run the backbone in bfloat16 (default) or float16; head and losses "
                       "stay in float32")
    speed.add_argument("--compile", action="store_true",
                       help="compile the network; the first step takes minutes")
    speed.add_argument("--activation-checkpointing", action="store_true",
                       help="compute activations again instead of keeping them")
    batch = parser.add_argument_group("batch size")
    batch.add_argument("--accumulate", type=positive, metavar="N",
                       help="batches per step of the optimiser")
    batch.add_argument("--auto-scale-lr", action="store_true",
                       help="scale the learning rate to the pictures per step")
    batch.add_argument("--sync-bn", action="store_true",
                       help="normalise by the pictures of all processes together (GPUs only)")
    add_options_argument(parser)
    return parser.parse_args(args)


def config_changes(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the arguments change of the config, by its keys."""
    changes = {
        "randomness.seed": options.seed,
        "finetune_from": options.finetune,
        "model.backbone_dtype": AMP_TYPES.get(options.amp),
        "model.compile": options.compile,
        "model.activation_checkpointing": options.activation_checkpointing,
        "optim_wrapper.accumulative_counts": options.accumulate,
        "auto_scale_lr.enable": options.auto_scale_lr,
        "sync_bn": options.sync_bn,
    }
    # What was not asked for is None or False; 0 is a seed.
    return {key: value for key, value in changes.items()
            if value is not None and value is not False}


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and train."""
    options = parse(args)
    experiment = Experiment.load(options.config, options.cfg_options)
    experiment = experiment.changed(config_changes(options))
    keep_freed_memory()
    with process_group():
        if not options.dry_run:
            train(experiment, options.work_dir, options.resume)
            return
        report = dry_run(experiment)
        if is_main_process():
            print(report)


if __name__ == "__main__":
    run_tool(main)
