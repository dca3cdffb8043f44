"""Assembling the runner of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Literal

from aepose.apis.build import build_evaluator, build_model, describe_dataloader
from aepose.config import Config
from aepose.engine import Hook, PoseRunner, set_random_seed
from aepose.errors import ConfigError
from aepose.registry import SCOPE

# The engine keeps loggers by name and second: two runs of one process must not share one.
_RUNS = count()


def work_dir_of(cfg: Config, work_dir: str | Path | None = None) -> Path:
    """Return the folder of a run's output: as asked for, as configured, or work_dirs/<config>."""
    chosen = work_dir or cfg.get("work_dir")
    return Path(chosen) if chosen else Path("work_dirs") / Path(cfg.filename or "unnamed").stem


def make_runner(
    cfg: Config,
    work_dir: Path,
    task: Literal["train", "test"],
    resume: str | bool = False,
    hooks: Sequence[Hook] = (),
) -> PoseRunner:
    """Build model, data and metric and hand them to the engine.

    resume: True goes on from the newest checkpoint in ``work_dir``, or starts if there is none; a
        path goes on from that one
    hooks: more hooks than the config's

    Raises ConfigError if the work dir cannot be written, and what building raises.
    """
    _check_writable(work_dir)
    randomness = dict(cfg.get("randomness") or {"seed": None})
    if randomness.get("seed") is not None:
        # The engine seeds itself too, but only after the network has drawn its weights.
        set_random_seed(randomness["seed"])
    load_from = cfg.get("load_from")
    if isinstance(resume, str):
        load_from = resume
    elif resume and (work_dir / "last_checkpoint").is_file():
        load_from = None
    elif resume:
        resume = False
    loaders = {}
    if task == "train":
        loaders["train_dataloader"] = describe_dataloader(cfg, "train")
        loaders["train_cfg"] = dict(cfg.train_cfg)
        loaders["optim_wrapper"] = cfg.optim_wrapper
        loaders["param_scheduler"] = cfg.get("param_scheduler")
        loaders["auto_scale_lr"] = cfg.get("auto_scale_lr")
    split = "val" if task == "train" else "test"
    if cfg.get("val_dataloader") is not None:
        loader = describe_dataloader(cfg, split)
        loaders[f"{split}_dataloader"] = loader
        loaders[f"{split}_evaluator"] = [build_evaluator(cfg, split, loader["dataset"])]
        loaders[f"{split}_cfg"] = {}
    return PoseRunner(
        model=build_model(cfg),
        work_dir=str(work_dir),
        default_hooks=cfg.get("default_hooks"),
        custom_hooks=[*(cfg.get("custom_hooks") or []), *hooks],
        load_from=load_from,
        resume=bool(resume),
        env_cfg=cfg.get("env_cfg") or {},
        log_processor=cfg.get("log_processor"),
        log_level=cfg.get("log_level", "INFO"),
        visualizer=cfg.get("visualizer"),
        default_scope=SCOPE,
        randomness=randomness,
        experiment_name=f"{Path(cfg.filename or 'unnamed').stem}_{next(_RUNS)}",
        cfg=cfg,
        **loaders,
    )


def _check_writable(work_dir: Path) -> None:
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        probe = work_dir / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"work dir {work_dir} cannot be written ({error.strerror}); choose another with "
            "--work-dir"
        ) from None
