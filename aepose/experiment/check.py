"""Check a config before anything large is built: its keys, types and values."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import mmengine.registry as engine
from mmengine.config import Config
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
    build,
    check_arguments,
    find,
)
from aepose.structures import EvalSettings

# What a config may say at its top level: plain values, things without a `type`, things with one.
PLAIN = {"metainfo", "data_root", "work_dir", "load_from", "finetune_from", "log_level", "sync_bn",
         "custom_imports"}
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
# Of these there may be several, in a list.
SEVERAL = {"val_evaluator", "test_evaluator", "param_scheduler", "custom_hooks", "losses",
           "transforms", "vis_backends", "datasets"}
# What is built from its own description inside a description.
PARTS: dict[str, Registry] = {
    "backbone": MODELS,
    "keypoint_head": MODELS,
    "losses": MODELS,
    "dataset": DATASETS,
    "datasets": DATASETS,
    "transforms": TRANSFORMS,
    "sampler": SAMPLERS,
    "optimizer": engine.OPTIMIZERS,
    "vis_backends": engine.VISBACKENDS,
}
_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False",
          NoneType: "None"}
DEFAULT_HOOKS = ("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint")
# By registry: options that the engine itself takes out before it builds.
ENGINE_OPTIONS = {
    "parameter scheduler": {"convert_to_iter_based"},
    "optim_wrapper": {"constructor", "paramwise_cfg"},
    "hook": {"priority"},
}


def check_config(cfg: Config) -> None:
    """Raise ConfigError for the first unknown key, unknown type or impossible value in a config.

    What is cheap to build is built, and so checks itself.
    """
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
    _build_cheap_parts(cfg)


def _build_cheap_parts(cfg: Config) -> None:
    EvalSettings(**(cfg.get("test_time") or {}))
    if cfg.get("metainfo") is not None:
        metainfo = get_metainfo(cfg.metainfo)
        if cfg.get("codec") is not None:
            build(CODECS, cfg.codec, "codec", metainfo=metainfo)
    head = (cfg.get("model") or {}).get("keypoint_head") or {}
    for index, loss in enumerate(head.get("losses") or ()):
        if loss is not None:
            build(MODELS, loss, f"model.keypoint_head.losses.{index}")


def _check_untyped(value: Any, owner: Any, key: str) -> None:
    """Check a dict without ``type`` against what takes its content; None takes anything."""
    if not isinstance(value, dict):
        raise ConfigError(f"{key} = {value!r}: expected a dict")
    if owner is not None:
        check_arguments(owner, value, key)
        _check_values(owner, value, key)
    for name, part in value.items():
        if name in PARTS and part is not None:
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
    if isinstance(value, (list, tuple)) and key.rpartition(".")[2] in SEVERAL:
        for index, part in enumerate(value):
            if part is not None or not key.endswith("losses"):
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
    arguments = {name: given for name, given in value.items() if name not in elsewhere}
    check_arguments(cls, arguments, key)
    _check_values(cls, arguments, key)
    for name, part in value.items():
        if name in PARTS and part is not None:
            _check_part(part, PARTS[name], f"{key}.{name}")


def _check_values(cls: Callable, arguments: Mapping[str, Any], key: str) -> None:
    """Raise ConfigError for a value of another type than ``cls`` says it takes."""
    hints = dict(_hints(cls))
    for name, value in arguments.items():
        if name in hints and name not in PARTS and not fits(value, hints[name]):
            raise ConfigError(f"{key}.{name} = {value!r}: give {_in_words(hints[name])}")


def _hints(cls: Callable) -> Iterator[tuple[str, Any]]:
    """Yield the annotated arguments of a class, its bases first."""
    if not inspect.isclass(cls):
        return
    for base in reversed(inspect.getmro(cls)):
        # The engine's own annotations are not always true.
        if "__init__" in vars(base) and not base.__module__.startswith("mmengine"):
            for name, hint in inspect.get_annotations(base.__init__).items():
                try:
                    names = vars(sys.modules[base.__module__])
                    yield name, eval(hint, names) if isinstance(hint, str) else hint
                except (NameError, TypeError):  # of a name that only type checkers see
                    continue


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value from a config suits an annotation; what is not known here suits.

    >>> fits([4, 2], Sequence[int]), fits('a', float | None), fits(1, float)
    (True, False, True)
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, option) for option in args)
    if origin is Literal:
        return value in args
    if hint in (bool, str, NoneType):
        return isinstance(value, hint)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    if (origin or hint) in (list, tuple, Sequence):
        if not isinstance(value, (list, tuple)):
            return False
        if origin is tuple and args and args[-1] is not Ellipsis:
            return len(value) == len(args) and all(map(fits, value, args))
        return not args or all(fits(part, args[0]) for part in value)
    if (origin or hint) in (dict, Mapping):
        return isinstance(value, dict)
    return True


def _in_words(hint: Any) -> str:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    texts = []
    for option in options:
        if get_origin(option) is Literal:
            texts += map(repr, get_args(option))
        else:
            texts.append(_WORDS.get(option) or inspect.formatannotation(option))
    return " or ".join(texts)
