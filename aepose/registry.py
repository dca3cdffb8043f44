"""Registries of everything a config can name, and the one function that builds from them.

The registries are children of the training engine's, so a config may also name what the engine
itself brings (optimisers, schedulers, hooks).
"""

from __future__ import annotations

import inspect
from typing import Any

import mmengine.registry as engine
from mmengine.registry import Registry

from aepose.errors import ConfigError, nearest

SCOPE = "aepose"


def _child(name: str, parent: Registry | None, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope=SCOPE, locations=list(locations))


MODELS = _child("model", engine.MODELS, "aepose.models")
DATASETS = _child("dataset", engine.DATASETS, "aepose.datasets")
TRANSFORMS = _child("transform", engine.TRANSFORMS, "aepose.datasets.transforms")
CODECS = _child("codec", None, "aepose.codecs")
METRICS = _child("metric", engine.METRICS, "aepose.evaluation")
HOOKS = _child("hook", engine.HOOKS, "aepose.engine")


def find(registry: Registry, name: str, key: str) -> type:
    """Return the class registered as ``name``; ``key`` says where the config names it.

    Raises ConfigError with the nearest registered name.
    """
    found = registry.get(name)
    if found is None:
        own = registry.module_dict
        inherited = registry.parent.module_dict if registry.parent else {}
        known = [*own, *inherited]
        raise ConfigError(f"{key}.type = {name!r} is not a known {registry.name}"
                          + nearest(name, known))
    return found


def check_arguments(cls: type, arguments: dict[str, Any], key: str) -> None:
    """Raise ConfigError for an argument that ``cls`` does not take, with the nearest that it does.

    A class that takes ``**kwargs`` is not checked.
    """
    parameters = inspect.signature(cls).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in arguments:
        if name not in parameters:
            raise ConfigError(f"{key}.{name}: {cls.__name__} has no such option"
                              + nearest(name, parameters))


def build(registry: Registry, cfg: dict[str, Any], key: str = "", **context: Any) -> Any:
    """Build what ``cfg`` describes: ``type`` names the class, the rest are its arguments.

    ``context`` holds things a config never repeats (metainfo, codec, …): each goes to a class
    that has a parameter of that name and is not given one by ``cfg``.

    Raises ConfigError for an unknown type, an unknown or a missing argument; ``key`` is the place
    in the config that the message names.
    """
    key = key or registry.name
    arguments = dict(cfg)
    if "type" not in arguments:
        raise ConfigError(f"{key}: 'type' is missing; give the name of a {registry.name}")
    cls = find(registry, arguments.pop("type"), key)
    check_arguments(cls, arguments, key)
    parameters = inspect.signature(cls).parameters
    for name, value in context.items():
        if name in parameters:
            arguments.setdefault(name, value)
    missing = [n for n, p in parameters.items() if p.default is p.empty and n not in arguments
               and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if missing:
        raise ConfigError(f"{key}: {cls.__name__} needs {', '.join(missing)}")
    return cls(**arguments)
