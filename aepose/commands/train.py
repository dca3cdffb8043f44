"""``aepose train``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Group, Parameter

from aepose.commands.describe import command
from aepose.commands.options import Amp, CfgOptions, Config, Positive, Seed, amp_type

_SPEED = Group("Speed and memory", sort_key=1)
_BATCH = Group("Batch size", sort_key=2)


@command(
    example="aepose train hrnet_w32_coco_512x512 --cfg-options data_root=/path/to/coco",
    interrupted="checkpoints already written are whole (train --resume goes on from the last one)")
def train(
    config: Config, /, *,
    work_dir: Annotated[str | None, Parameter(
        metavar="DIR", help="folder of the output (default: work_dirs/<config>)")] = None,
    resume: Annotated[str | bool, Parameter(
        metavar="[PATH]",
        help="go on from PATH, or from the newest checkpoint of the work dir")] = False,
    finetune: Annotated[str | None, Parameter(
        metavar="CHECKPOINT", help="start from what fits of a checkpoint (a file, its URL, or a "
        "published file's name), also of other keypoints")] = None,
    seed: Annotated[Seed | None, Parameter(
        help="seed of weights, data order and augmentation")] = None,
    dry_run: Annotated[bool, Parameter(
        help="build everything, run one step, report, and exit")] = False,
    cfg_options: CfgOptions = None,
    amp: Annotated[Amp, Parameter(group=_SPEED, help="run the backbone in bfloat16 (the default of "
                                  "--amp) or float16; head and losses stay in float32")] = False,
    compile: Annotated[bool, Parameter(
        group=_SPEED, help="compile the network; the first step takes minutes")] = False,
    activation_checkpointing: Annotated[bool, Parameter(
        group=_SPEED, help="compute activations again instead of keeping them")] = False,
    accumulate: Annotated[Positive | None, Parameter(
        group=_BATCH, help="batches per step of the optimiser")] = None,
    auto_scale_lr: Annotated[bool, Parameter(
        group=_BATCH, help="scale the learning rate to the pictures per step")] = False,
    sync_bn: Annotated[bool, Parameter(
        group=_BATCH,
        help="normalise by the pictures of all processes together (GPUs only)")] = False,
) -> None:
    """Train a network.

    In several processes by torchrun: torchrun --nproc-per-node 8 -m aepose train CONFIG
    """
    from aepose.apis.train import dry_run as try_out
    from aepose.apis.train import train as train_experiment
    from aepose.engine import is_main_process
    from aepose.engine.distributed import process_group
    from aepose.experiment import Experiment
    from aepose.malloc import keep_freed_memory

    changes = {
        "randomness.seed": seed,
        "finetune_from": finetune,
        "model.backbone_dtype": amp_type(amp),
        "model.compile": compile,
        "model.activation_checkpointing": activation_checkpointing,
        "optim_wrapper.accumulative_counts": accumulate,
        "auto_scale_lr.enable": auto_scale_lr,
        "sync_bn": sync_bn,
    }
    experiment = Experiment.load(config, cfg_options or ())
    # What was not asked for is None or False; 0 is a seed.
    experiment = experiment.changed({key: value for key, value in changes.items()
                                     if value is not None and value is not False})
    keep_freed_memory()
    with process_group():
        if not dry_run:
            train_experiment(experiment, work_dir, resume)
            return
        report = try_out(experiment)
        if is_main_process():
            print(report)
