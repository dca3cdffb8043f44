"""Assemble the runner of an experiment: the engine's part of a config."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config

from aepose.codecs.core import core
from aepose.engine import Hook, PoseRunner, get_world_size, is_distributed, set_random_seed
from aepose.engine.distributed import (
    SameStatisticsHook,
    describe_processes,
    first_of_machine_first,
    from_first_process,
    wrap_model,
)
from aepose.engine.ema import TrainedWeightsHook, WeightAverageHook
from aepose.engine.resume import list_checkpoints, newest_checkpoint
from aepose.engine.scale_lr import AutoScaleLR
from aepose.errors import ConfigError
from aepose.evaluation.metric import BaseMetric
from aepose.experiment.experiment import Experiment
from aepose.models.freeze import describe_frozen
from aepose.registry import SCOPE
from aepose.weights.starting import start_weights
from aepose.zoo.hub import find_checkpoint

# The engine keeps loggers by name and second: two runs of one process must not share one.
_RUNS = count()
# float16 gradients need their losses scaled, which these wrappers do not do.
_UNSCALED = ("OptimWrapper", "GuardedOptimWrapper")


def work_dir_of(experiment: Experiment, work_dir: str | Path | None = None) -> Path:
    """Return the folder of a run's output: as asked for, as configured, or work_dirs/<config>."""
    chosen = work_dir or experiment._config.get("work_dir")
    return Path(chosen) if chosen else Path("work_dirs") / experiment.name


def make_runner(
    experiment: Experiment,
    work_dir: Path,
    task: Literal["train", "test"],
    resume: str | bool = False,
    load_from: str | None = None,
    hooks: Sequence[Hook] = (),
) -> PoseRunner:
    """Build network, data and metrics and hand them to the engine.

    resume: True goes on from the newest checkpoint in ``work_dir``, or starts if there is none; a
        path goes on from that one
    load_from: a checkpoint that fits, instead of the config's
    hooks: more hooks than the config's

    Where :func:`~aepose.engine.distributed.process_group` joined several processes, each has its
    share of the images. Raises ConfigError if the work dir cannot be written, and what building
    and loading raise.
    """
    _check_writable(work_dir)
    cfg = experiment._config
    randomness = dict(cfg.get("randomness") or {"seed": None})
    if randomness.get("seed") is not None:
        # The engine seeds itself too, but only after the network has drawn its weights.
        set_random_seed(randomness["seed"])
    report = [describe_processes()]
    finetune_from = cfg.get("finetune_from") if task == "train" else None
    if finetune_from and cfg.get("load_from"):
        raise ConfigError("load_from and finetune_from: give one; the first has to fit whole, of "
                          "the second what fits is taken")
    load_from, resume = _starting_point(load_from or finetune_from or cfg.get("load_from"),
                                        work_dir, resume, report)
    model = experiment.network()
    parts: dict[str, Any] = {}
    if task == "train":
        parts, learning = _training_parts(experiment)
        report.append(learning)
        report += filter(None, [describe_frozen(model)])
        hooks = [*hooks, *_training_hooks(cfg, resume)]
        if not resume:
            report.append(start_weights(model, load_from, partial=bool(finetune_from)))
            load_from = None if finetune_from else load_from
    parts |= _evaluation_parts(experiment, "val" if task == "train" else "test")
    runner = PoseRunner(
        model=wrap_model(model, task == "train" and bool(cfg.get("sync_bn"))),
        work_dir=str(work_dir),
        default_hooks=cfg.get("default_hooks"),
        custom_hooks=[*(cfg.get("custom_hooks") or []), *hooks],
        load_from=load_from,
        resume=resume,
        launcher="pytorch" if is_distributed() else "none",
        env_cfg=cfg.get("env_cfg") or {},
        log_processor=cfg.get("log_processor"),
        log_level=cfg.get("log_level", "INFO"),
        visualizer=cfg.get("visualizer"),
        default_scope=SCOPE,
        randomness=randomness,
        experiment_name=f"{experiment.name}_{next(_RUNS)}",
        cfg=cfg,
        **parts,
    )
    runner.logger.info("\n".join(report))
    return runner


def _starting_point(
    load_from: str | None, work_dir: Path, resume: str | bool, report: list[str]
) -> tuple[str | None, bool]:
    """Return the checkpoint to begin with, and whether to go on from it; add to ``report``."""
    if isinstance(resume, str):
        return resume, True
    # Where machines do not share the work dir, the others then say what they lack.
    if resume and from_first_process(bool(list_checkpoints(work_dir))):
        newest, problems = newest_checkpoint(work_dir)
        report += [f"{problem}; the checkpoint before it is taken" for problem in problems]
        return str(newest), True
    if load_from is None:
        return None, False
    return str(first_of_machine_first(lambda: find_checkpoint(load_from))), False


def _training_parts(experiment: Experiment) -> tuple[dict[str, Any], str]:
    """Return what the engine needs for training only, and a report of the learning rate."""
    cfg = experiment._config
    loop, optimiser = (copy.deepcopy(experiment._section(key))
                       for key in ("train_cfg", "optim_wrapper"))
    if optimiser.get("optimizer") is None:
        raise experiment._lacking("optim_wrapper.optimizer")
    loader = experiment.loader_options("train")
    accumulate = optimiser.get("accumulative_counts", 1)
    if not isinstance(accumulate, int) or accumulate < 1:
        raise ConfigError(f"optim_wrapper.accumulative_counts = {accumulate!r}: give the number of "
                          "batches per step, from 1")
    if cfg.model.get("backbone_dtype") == "float16" and optimiser.type in _UNSCALED:
        optimiser.type = "ScaledOptimWrapper"
    batch = loader["batch_size"] * get_world_size() * accumulate
    described, suits = cfg.get("auto_scale_lr"), ""
    if described is not None:
        rule = _auto_scale_lr(described, optimiser.optimizer)
        if "lr" in optimiser.optimizer:
            optimiser.optimizer.lr *= rule.factor(batch)
            suits = f" ({rule.describe(batch)})"
    parts = {
        "train_dataloader": loader,
        "train_cfg": dict(loop),
        "optim_wrapper": optimiser,
        "param_scheduler": cfg.get("param_scheduler"),
    }
    rate = optimiser.optimizer.get("lr", "the optimiser's own")
    return parts, (f"{batch} pictures per step: {loader['batch_size']} x {get_world_size()} "
                   f"processes x {accumulate} batches; learning rate {rate}{suits}")


def _auto_scale_lr(described: dict[str, Any], optimiser: dict[str, Any]) -> AutoScaleLR:
    if "base_batch_size" not in described:
        raise ConfigError("auto_scale_lr lacks 'base_batch_size', the pictures per step that the "
                          "learning rate was chosen for")
    rule = AutoScaleLR(**described)
    if rule.enable and "lr" not in optimiser:
        raise ConfigError("auto_scale_lr needs optim_wrapper.optimizer.lr, which it scales")
    return rule


def _training_hooks(cfg: Config, resume: bool) -> list[Hook]:
    average = cfg.get("ema")
    return [SameStatisticsHook(), TrainedWeightsHook(resume) if average is None
            else WeightAverageHook(**average, resuming=resume)]


def _evaluation_parts(experiment: Experiment, split: Literal["val", "test"]) -> dict[str, Any]:
    if split == "val" and experiment._config.get("val_dataloader") is None:
        return {}
    core()  # if it is missing, that is said before a long run
    loader, metrics = experiment.loader_options(split), experiment.metrics(split)
    if split == "val":
        _check_best(experiment._config, metrics)
    return {
        f"{split}_dataloader": loader,
        f"{split}_evaluator": metrics,
        f"{split}_cfg": {"type": "PoseValLoop" if split == "val" else "PoseTestLoop"},
    }


def _check_best(cfg: Config, metrics: Sequence[BaseMetric]) -> None:
    """Raise ConfigError if no metric can give the number that the best checkpoint goes by."""
    best = ((cfg.get("default_hooks") or {}).get("checkpoint") or {}).get("save_best")
    prefixes = [metric.prefix or "" for metric in metrics]
    if isinstance(best, str) and best != "auto" and best.rpartition("/")[0] not in prefixes:
        names = " or ".join(f"{prefix}/NAME" if prefix else "NAME" for prefix in prefixes)
        raise ConfigError(f"default_hooks.checkpoint.save_best = {best!r}: the metrics of "
                          f"val_evaluator give {names}; name one of those, or None")


def _check_writable(work_dir: Path) -> None:
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=work_dir):
            pass
    except OSError as error:
        raise ConfigError(
            f"work dir {work_dir} cannot be written ({error.strerror}); choose another with "
            "--work-dir"
        ) from None
