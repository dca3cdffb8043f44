"""Reading a config, changing it from the command line, and checking it before anything is built."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine.registry as engine
from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.logging import MMLogger
from mmengine.registry import Registry
from mmengine.runner import LogProcessor, Runner
from torch.utils.data import DataLoader

from aepose.errors import ConfigError, nearest
from aepose.registry import (
    CODECS,
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    TRANSFORMS,
    check_arguments,
    find,
)
from aepose.structures import TestTime

# What a config may say at its top level: plain values, things without a `type`, things with one.
PLAIN = {"metainfo", "data_root", "work_dir", "load_from", "resume", "log_level"}
UNTYPED = {
    "test_time": TestTime,
    "log_processor": LogProcessor,
    "randomness": Runner.set_randomness,
    "env_cfg": None,
    "auto_scale_lr": None,
    "train_dataloader": DataLoader,
    "val_dataloader": DataLoader,
    "test_dataloader": DataLoader,
}
TYPED: dict[str, Registry] = {
    "codec": CODECS,
    "model": MODELS,
    "val_evaluator": METRICS,
    "test_evaluator": METRICS,
    "optim_wrapper": engine.OPTIM_WRAPPERS,
    "param_scheduler": engine.PARAM_SCHEDULERS,
    "train_cfg": engine.LOOPS,
    "default_hooks": HOOKS,
    "custom_hooks": HOOKS,
    "visualizer": engine.VISUALIZERS,
}
# Parts that belong to another registry than what they are part of.
NESTED: dict[str, Registry] = {
    "dataset": DATASETS,
    "transforms": TRANSFORMS,
    "sampler": engine.DATA_SAMPLERS,
    "optimizer": engine.OPTIMIZERS,
    "vis_backends": engine.VISBACKENDS,
}
# By registry: options that the engine itself takes out before it builds.
ENGINE_OPTIONS = {
    "parameter scheduler": {"convert_to_iter_based"},
    "optim_wrapper": {"constructor", "paramwise_cfg"},
    "hook": {"priority"},
}


def load_config(path: str | Path, options: Sequence[str] = ()) -> Config:
    """Read a config file with its ``_base_`` files, apply ``key=value`` options, check the result.

    options: as ``--cfg-options`` takes them, such as ``['model.backbone.width=48']``

    Raises ConfigError for a missing file (naming the nearest one), a syntax error, a malformed
    option, and an unknown key or type anywhere (naming the nearest known one).
    """
    path = Path(path)
    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*.py")]
        raise ConfigError(f"config {path} does not exist" + nearest(path.name, siblings))
    try:
        cfg = Config.fromfile(path)
    except FileNotFoundError as error:
        raise ConfigError(f"config {path}: a _base_ file is missing: {error}") from None
    except (SyntaxError, NameError, TypeError, KeyError, ConfigParsingError) as error:
        raise ConfigError(f"config {path} cannot be read: {error}") from error
    cfg.merge_from_dict(parse_options(options))
    check_config(cfg)
    return cfg


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
        else:
            _check_typed(value, TYPED[key], key)


def _check_untyped(value: Any, owner: Any, key: str) -> None:
    """Check a dict without ``type`` against what takes its content; None takes anything."""
    if not isinstance(value, dict):
        raise ConfigError(f"{key} = {value!r}: expected a dict")
    if isinstance(owner, type):
        # The data loader is handed a built data set and sampler; a config describes them.
        check_arguments(owner, value, key)
    for name, part in value.items():
        if name in NESTED:
            _check_typed(part, NESTED[name], f"{key}.{name}")


def _check_typed(value: Any, registry: Registry, key: str) -> None:
    """Check a dict with ``type``, or a dict or list of such, and what is nested in it."""
    if isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            _check_typed(part, registry, f"{key}.{index}")
    elif isinstance(value, dict):
        if "type" in value:
            cls = find(registry, value["type"], key)
            elsewhere = {"type", *ENGINE_OPTIONS.get(registry.name, ())}
            check_arguments(cls, (name for name in value if name not in elsewhere), key)
        for name, part in value.items():
            is_part = name in NESTED or _has_type(part) or "type" not in value
            if is_part and part is not None:
                _check_typed(part, NESTED.get(name, registry), f"{key}.{name}")


def _has_type(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_type(v) for v in value)
    return isinstance(value, dict) and "type" in value
