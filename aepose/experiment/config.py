"""Reading a config, changing it from the command line, and checking it before anything is built."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine.registry as engine
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import Registry
from mmengine.runner import LogProcessor, Runner
from torch.utils.data import DataLoader

from aepose.engine.ema import WeightAverageHook
from aepose.engine.scale_lr import AutoScaleLR
from aepose.errors import ConfigError, nearest
from aepose.metainfo import get_metainfo
from aepose.registry import (
    CODECS,
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    SAMPLERS,
    TRANSFORMS,
    check_arguments,
    find,
)
from aepose.structures import EvalSettings
from aepose.zoo.index import config_path, find_model

# What a config may say at its top level: plain values, things without a `type`, things with one.
PLAIN = {"metainfo", "data_root", "work_dir", "load_from", "load_partial", "log_level", "sync_bn"}
UNTYPED = {
    "test_time": EvalSettings,
    "log_processor": LogProcessor,
    "randomness": Runner.set_randomness,
    "env_cfg": None,
    "auto_scale_lr": AutoScaleLR,
    "ema": WeightAverageHook,
    "train_dataloader": DataLoader,
    "val_dataloader": DataLoader,
    "test_dataloader": DataLoader,
}
TYPED: dict[str, Registry] = {
    "codec": CODECS,
    "model": MODELS,
    "val_evaluator": METRICS,
    "test_evaluator": METRICS,
    "optim_wrapper": OPTIM_WRAPPERS,
    "param_scheduler": engine.PARAM_SCHEDULERS,
    "train_cfg": LOOPS,
    "default_hooks": HOOKS,
    "custom_hooks": HOOKS,
    "visualizer": engine.VISUALIZERS,
}
# What is built from its own description inside a description.
PARTS: dict[str, Registry] = {
    "backbone": MODELS,
    "keypoint_head": MODELS,
    "losses": MODELS,
    "dataset": DATASETS,
    "transforms": TRANSFORMS,
    "sampler": SAMPLERS,
    "optimizer": engine.OPTIMIZERS,
    "vis_backends": engine.VISBACKENDS,
}
DEFAULT_HOOKS = ("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint")
# By registry: options that the engine itself takes out before it builds.
ENGINE_OPTIONS = {
    "parameter scheduler": {"convert_to_iter_based"},
    "optim_wrapper": {"constructor", "paramwise_cfg"},
    "hook": {"priority"},
}


def load_config(path: str | Path, options: Sequence[str] = ()) -> Config:
    """Read a config file with its ``_base_`` files, apply ``key=value`` options, check the result.

    path: a file (``.py``), or the name of a model of the zoo
    options: as ``--cfg-options`` takes them, such as ``['model.backbone.width=48']``

    Raises ConfigError for a missing file (naming the nearest one), a syntax error, a malformed
    option, and an unknown key or type anywhere (naming the nearest known one).
    """
    path = Path(path) if Path(path).suffix else config_path(find_model(str(path)))
    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*.py")]
        raise ConfigError(f"config {path} does not exist" + nearest(path.name, siblings))
    try:
        cfg = Config.fromfile(path)
        list(cfg.items())  # runs what the engine would import only when it is looked at
    except FileNotFoundError as error:
        raise ConfigError(f"config {path}: a _base_ file is missing: {error}") from None
    except Exception as error:  # a config is code: it can fail in any way
        raise ConfigError(f"config {path} cannot be read: {error}") from error
    apply_options(cfg, options)
    check_config(cfg)
    return cfg


def apply_options(cfg: Config, options: Sequence[str]) -> None:
    """Change ``cfg`` as ``--cfg-options`` asks; raises ConfigError for a path it does not have."""
    for key, value in parse_options(options).items():
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, IndexError, AssertionError) as error:
            raise ConfigError(f"--cfg-options {key}: there is no such place ({error})") from None


def parse_options(options: Sequence[str]) -> dict[str, Any]:
    """Turn ``key=value`` texts into a dict; a value is a Python literal, or else a text.

    >>> parse_options(['a.b=3', 'c=[1, 2]', 'd=data/coco'])
    {'a.b': 3, 'c': [1, 2], 'd': 'data/coco'}
    """
    parsed = {}
    for option in options:
        key, equals, text = option.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--cfg-options {option!r}: write key=value, such as "
                              "model.backbone.width=48")
        try:
            parsed[key.strip()] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            parsed[key.strip()] = {"true": True, "false": False}.get(text, text)
    return parsed


def check_config(cfg: Config) -> None:
    """Raise ConfigError for the first unknown key or type anywhere in the config."""
    # The engine announces at import that a registry lives elsewhere; that is no news to a user.
    MMLogger.get_current_instance().setLevel("WARNING")
    known = [*PLAIN, *UNTYPED, *TYPED]
    for key, value in cfg.items():
        if key not in known:
            raise ConfigError(f"config key '{key}' is unknown" + nearest(key, known))
        if value is None or key in PLAIN:
            continue
        if key in UNTYPED:
            _check_untyped(value, UNTYPED[key], key)
        elif key == "default_hooks":
            _check_default_hooks(value)
        else:
            _check_part(value, TYPED[key], key)
    if cfg.get("metainfo") is not None:
        get_metainfo(cfg.metainfo)


def _check_untyped(value: Any, owner: Any, key: str) -> None:
    """Check a dict without ``type`` against what takes its content; None takes anything."""
    if not isinstance(value, dict):
        raise ConfigError(f"{key} = {value!r}: expected a dict")
    if owner is not None:
        check_arguments(owner, value, key)
    for name, part in value.items():
        if name in PARTS:
            _check_part(part, PARTS[name], f"{key}.{name}")


def _check_default_hooks(hooks: Any) -> None:
    """Check the engine's own hooks, by their names; None switches one off."""
    if not isinstance(hooks, dict):
        raise ConfigError(f"default_hooks = {hooks!r}: expected a dict")
    for name, hook in hooks.items():
        if name not in DEFAULT_HOOKS:
            raise ConfigError(f"default_hooks.{name} is unknown" + nearest(name, DEFAULT_HOOKS))
        if hook is not None:
            _check_part(hook, HOOKS, f"default_hooks.{name}")


def _check_part(value: Any, registry: Registry, key: str) -> None:
    """Check a dict with ``type``, or a list of such, and the parts in it."""
    if isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            _check_part(part, registry, f"{key}.{index}")
        return
    if not isinstance(value, dict):
        raise ConfigError(f"{key} = {value!r}: expected a dict with the 'type' of a "
                          f"{registry.name}")
    if not isinstance(value.get("type"), str):
        raise ConfigError(f"{key}.type = {value.get('type')!r}: give the name of a "
                          f"{registry.name}")
    cls = find(registry, value["type"], key)
    elsewhere = {"type", *ENGINE_OPTIONS.get(registry.name, ())}
    check_arguments(cls, (name for name in value if name not in elsewhere), key)
    for name, part in value.items():
        if name in PARTS and part is not None:
            _check_part(part, PARTS[name], f"{key}.{name}")
