"""Assembling the runner of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mmengine.config import Config
from mmengine.hooks import Hook

from aepose.apis.build import build_evaluator, build_model, describe_dataloader
from aepose.engine import PoseRunner
from aepose.errors import ConfigError
from aepose.registry import SCOPE


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

    resume: True goes on from the newest checkpoint in ``work_dir``, a path from that one
    hooks: more hooks than the config's

    Raises ConfigError if the work dir cannot be written, and what building raises.
    """
    _check_writable(work_dir)
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
        custom_hooks=[*cfg.get("custom_hooks", []), *hooks],
        load_from=resume if isinstance(resume, str) else cfg.get("load_from"),
        resume=bool(resume),
        env_cfg=cfg.get("env_cfg", {}),
        log_processor=cfg.get("log_processor"),
        log_level=cfg.get("log_level", "INFO"),
        visualizer=cfg.get("visualizer"),
        default_scope=SCOPE,
        randomness=dict(cfg.get("randomness", {"seed": None})),
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
