"""Check a config before anything large is built: its keys, types and values."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import mmengine.registry as engine
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import LogProcessor
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from aepose.at_fault import built
from aepose.engine.ema import WeightAverageHook
from aepose.engine.scale_lr import AutoScaleLR
from aepose.errors import ConfigError, nearest
from aepose.metainfo import get_metainfo
from aepose.ranges import Count, NotNegative, Range, Seed
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


def _randomness(
    seed: Seed | None, deterministic: bool = False, diff_rank_seed: bool = False
) -> None:
    """Say what the engine takes under ``randomness``."""


def _loader(
    batch_size: Count = 1, num_workers: Annotated[int, Range(0, 256)] = 0,
    prefetch_factor: Count | None = None, timeout: NotNegative = 0, drop_last: bool = False,
    persistent_workers: bool = False, pin_memory: bool = False,
) -> None:
    """Say of what a data loader takes what PyTorch's own annotations do not."""


def _log_processor(window_size: Count = 10, by_epoch: bool = True, num_digits: Count = 4) -> None:
    """Say what the engine's log processor takes, which it does not annotate."""


def _environment(
    mp_cfg: dict, dist_cfg: dict, cudnn_benchmark: bool = False, resource_limit: Count = 4096
) -> None:
    """Say what the engine takes under ``env_cfg``."""


def _clipping(
    max_norm: float, clip_value: float, type: Literal["norm", "value"] = "norm",
    norm_type: float | Literal["inf", math.inf] = 2, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> None:
    """Say what PyTorch's two functions take that clip gradients."""


_MORE_HINTS = {DataLoader: _loader, LogProcessor: _log_processor}


# What a config may say at its top level: plain values, things without a `type`, things with one.
PLAIN = {
    "metainfo": str | dict, "data_root": str, "work_dir": str, "load_from": str,
    "finetune_from": str, "sync_bn": bool, "custom_imports": dict,
    "log_level": Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
}
UNTYPED = {
    "test_time": EvalSettings,
    "log_processor": LogProcessor,
    "randomness": _randomness,
    "env_cfg": _environment,
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
# What else is a dict of options inside a description, and what takes them.
OPTIONS: dict[str, Callable] = {"clip_grad": _clipping, "mp_cfg": set_multi_processing}
_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False",
          NoneType: "None", dict: "a dict", list: "a list"}
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
        _check_numbers(value, key)
        if key not in known:
            raise ConfigError(f"config key '{key}' is unknown" + nearest(key, known))
        if value is None:
            continue
        if key in PLAIN:
            if not fits(value, PLAIN[key]):
                raise ConfigError(f"{key} = {value!r}: give {_in_words(PLAIN[key])}")
        elif key in UNTYPED:
            _check_untyped(value, UNTYPED[key], key)
        elif key == "default_hooks":
            _check_default_hooks(value)
        else:
            _check_part(value, TYPED[key], key)
    _build_cheap_parts(cfg)


def _check_numbers(value: Any, key: str) -> None:
    """Raise ConfigError for numbers that are none, or that no computer counts with."""
    if isinstance(value, dict):
        value = [(f"{key}.{name}", part) for name, part in value.items()]
    elif isinstance(value, (list, tuple)):
        value = [(f"{key}.{index}", part) for index, part in enumerate(value)]
    else:
        finite = not isinstance(value, float) or math.isfinite(value)
        small = not isinstance(value, int) or abs(value) < 2**63
        # The greatest value is a norm of gradients, too.
        if not (finite and small) and not (key.endswith(".norm_type") and value == math.inf):
            raise ConfigError(f"{key} = {value!r}: give a finite number" if not finite else
                              f"{key}: give a number of at most 63 bits")
        return
    for place, part in value:
        _check_numbers(part, place)


def _build_cheap_parts(cfg: Config) -> None:
    built("test_time", lambda options: EvalSettings(**options), cfg.get("test_time") or {})
    if cfg.get("metainfo") is not None:
        metainfo = get_metainfo(cfg.metainfo)
        if cfg.get("codec") is not None:
            build(CODECS, cfg.codec, "codec", metainfo=metainfo)
    head = (cfg.get("model") or {}).get("keypoint_head") or {}
    for index, loss in enumerate(head.get("losses") or ()):
        if loss is not None:
            build(MODELS, loss, f"model.keypoint_head.losses.{index}")


def _check_untyped(value: Any, owner: Any, key: str) -> None:
    """Check a dict without ``type`` against what takes its content."""
    if not isinstance(value, dict):
        raise ConfigError(f"{key} = {value!r}: expected a dict")
    check_arguments(owner, value, key)
    _check_values(owner, value, key)
    if owner in _MORE_HINTS:
        _check_values(_MORE_HINTS[owner], value, key)
    _check_inside(value, key)


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
    _check_inside(value, key)


def _check_inside(value: Mapping[str, Any], key: str) -> None:
    """Check what is described inside a description."""
    for name, part in value.items():
        if name in PARTS and part is not None:
            _check_part(part, PARTS[name], f"{key}.{name}")
        elif name in OPTIONS and part is not None:
            _check_untyped(part, OPTIONS[name], f"{key}.{name}")


def _check_values(cls: Callable, arguments: Mapping[str, Any], key: str) -> None:
    """Raise ConfigError for a value of another type than ``cls`` says it takes."""
    hints = dict(_hints(cls))
    for name, value in arguments.items():
        hint = hints.get(name, Any)
        # Parts that are described are checked by themselves, where there are any.
        described = name in PARTS and (value is not None or not (fits({}, hint) or fits([], hint)))
        if not described and not fits(value, hint):
            raise ConfigError(f"{key}.{name} = {value!r}: give {_in_words(hint)}")


def _hints(cls: Callable) -> Iterator[tuple[str, Any]]:
    """Yield the annotated arguments of a class, its bases first."""
    if not inspect.isclass(cls):
        yield from _evaluated(cls)
        return
    for base in reversed(inspect.getmro(cls)):
        # The engine's own annotations are not always true; those of its schedulers are.
        module = base.__module__
        if "__init__" in vars(base) and (not module.startswith("mmengine")
                                         or module.startswith("mmengine.optim.scheduler")):
            yield from _evaluated(base.__init__, vars(sys.modules[base.__module__]))


def _evaluated(
    function: Callable, names: dict[str, Any] | None = None
) -> Iterator[tuple[str, Any]]:
    for name, hint in inspect.get_annotations(function).items():
        try:
            yield name, (eval(hint, names or function.__globals__) if isinstance(hint, str)
                         else hint)
        except (NameError, TypeError, AttributeError):  # of a name that only type checkers see
            continue


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value from a config suits an annotation; what is not known here suits.

    >>> fits([4, 2], Sequence[int]), fits('a', float | None), fits(1, float)
    (True, False, True)
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, option) for option in args)
    if origin is Annotated:
        return fits(value, args[0]) and all(value in limit for limit in args[1:])
    if origin is Literal:
        return any(value == option and type(value) is type(option) for option in args)
    if hint in (bool, str, NoneType):
        return isinstance(value, hint)
    if hint in (int, float):
        return (isinstance(value, (int, hint)) and not isinstance(value, bool)
                and math.isfinite(value))
    if (origin or hint) in (list, tuple, Sequence):
        if not isinstance(value, (list, tuple)):
            return False
        if origin is tuple and args and args[-1] is not Ellipsis:
            return len(value) == len(args) and all(map(fits, value, args))
        return not args or all(fits(part, args[0]) for part in value)
    if (origin or hint) in (dict, Mapping):
        return isinstance(value, dict)
    if inspect.isclass(hint) and hint is not Any:
        # A dict may describe what is built; there is no way to give another object.
        own = hint.__module__.startswith("aepose")
        return isinstance(value, (hint, dict) if own else hint)
    return True


def _in_words(hint: Any) -> str:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    texts = []
    for option in options:
        origin, args = get_origin(option), get_args(option)
        if origin is Literal:
            texts += map(repr, args)
        elif origin is Annotated:
            texts.append(f"{_WORDS[args[0]]} {' and '.join(map(str, args[1:]))}")
        elif origin is tuple and args[-1] is not Ellipsis:
            texts.append(f"({', '.join(map(_in_words, args))})")
        elif origin in (list, tuple, Sequence):
            texts.append(f"a list, each entry {_in_words(args[0])}")
        else:
            texts.append(_WORDS.get(option) or inspect.formatannotation(option))
    return " or ".join(texts)
