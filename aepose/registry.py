"""Registries of everything that a config can name, and the function that builds from them.

The registries are children of the training engine's, so a config may also name what the engine
itself brings (optimisers, schedulers, hooks).
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import mmengine.registry as engine
from mmengine.registry import Registry

from aepose.at_fault import built
from aepose.errors import ConfigError, nearest

SCOPE = "aepose"


def _child(name: str, parent: Registry | None, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope=SCOPE, locations=list(locations))


MODELS = _child("model", engine.MODELS, "aepose.models")
DATASETS = _child("dataset", engine.DATASETS, "aepose.datasets.coco_keypoints",
                  "aepose.datasets.concat", "aepose.datasets.eval_sets")
TRANSFORMS = _child("transform", engine.TRANSFORMS, "aepose.datasets.transforms.flip",
                    "aepose.datasets.transforms.random_affine",
                    "aepose.datasets.transforms.random_crop")
CODECS = _child("codec", None, "aepose.codecs.associative_embedding")
METRICS = _child("metric", engine.METRICS, "aepose.evaluation.coco_metric",
                 "aepose.evaluation.crowdpose_metric")
HOOKS = _child("hook", engine.HOOKS, "aepose.engine")
SAMPLERS = _child("data sampler", engine.DATA_SAMPLERS, "aepose.datasets.sampler")
LOOPS = _child("loop", engine.LOOPS, "aepose.engine")
OPTIM_WRAPPERS = _child("optim_wrapper", engine.OPTIM_WRAPPERS, "aepose.engine")
# Nothing of ours is in these, but the engine warns of a scope that lacks one.
_ENGINE_ONLY = [
    _child(parent.name, parent)
    for parent in (
        engine.MODEL_WRAPPERS, engine.OPTIMIZERS,
        engine.OPTIM_WRAPPER_CONSTRUCTORS, engine.PARAM_SCHEDULERS, engine.VISBACKENDS,
        engine.VISUALIZERS,
    )
]


def find(registry: Registry, name: str, key: str) -> type:
    """Return the class registered as ``name``, or the one at ``module.Class``.

    key: where the config names it

    Raises ConfigError with the nearest registered name, and for a module that cannot be imported.
    """
    try:
        found = registry.get(name)
    except RuntimeError:  # the engine's word for a dotted name that it cannot import
        found = None
    if found is None and "." in name:
        raise _not_importable(name, key)
    if found is None:
        own = registry.module_dict
        inherited = registry.parent.module_dict if registry.parent else {}
        known = [*own, *inherited]
        raise ConfigError(f"{key}.type = {name!r} is not a known {registry.name}"
                          + nearest(name, known) + "; one of your own: docs/extending.md")
    return found


def _not_importable(name: str, key: str) -> ConfigError:
    """Return what to say of a dotted name that does not lead to a class."""
    place, _, last = name.rpartition(".")
    try:
        module = importlib.import_module(place)
    except Exception as error:  # a module is code: it can fail in any way
        return ConfigError(f"{key}.type = {name!r}: module '{place}' cannot be imported "
                           f"({type(error).__name__}: {error}); modules are looked for beside the "
                           "config file and in PYTHONPATH")
    return ConfigError(f"{key}.type = {name!r}: module '{place}' has no '{last}'"
                       + nearest(last, [n for n in vars(module) if not n.startswith("_")]))


def accepted_arguments(cls: Callable) -> set[str] | None:
    """Return the names of the keyword arguments that ``cls`` takes, or None if it takes any.

    A constructor that hands ``**kwargs`` on to its base class also takes what that one takes.
    """
    names: set[str] = set()
    if not inspect.isclass(cls):
        return set(inspect.signature(cls).parameters) - {"self"}
    for base in inspect.getmro(cls):
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names
    return None


def check_arguments(cls: Callable, arguments: Iterable[str], key: str) -> None:
    """Raise ConfigError for an argument that ``cls`` does not take, with the nearest that it does.

    ``key`` is the place in the config.
    """
    accepted = accepted_arguments(cls)
    who = f"{cls.__name__} has" if inspect.isclass(cls) else "there is"
    for name in arguments:
        if accepted is not None and name not in accepted:
            raise ConfigError(f"{key}.{name}: {who} no such option" + nearest(name, accepted))


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
    given = {name: value for name, value in context.items()
             if name in parameters and name not in arguments}
    missing = [n for n, p in parameters.items() if p.default is p.empty
               and n not in {**given, **arguments}
               and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if missing:
        raise ConfigError(f"{key}: {cls.__name__} needs {', '.join(missing)}")
    return built(key, lambda options: cls(**given, **options), arguments, cls)
