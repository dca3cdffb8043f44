"""Read config files, and change configs by their keys."""

from __future__ import annotations

import ast
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from aepose.errors import CheckpointError, ConfigError, nearest, warn_once
from aepose.metainfo import metainfo_files, with_files_read
from aepose.migration import convert_file, is_old_config
from aepose.zoo.index import config_file, find_config

# What a test takes from the validation as long as it has no section of its own.
_OF_A_TEST = {"test_dataloader": "val_dataloader", "test_evaluator": "val_evaluator"}
# Where a run kept its files says nothing to others.
_LOCAL = ("work_dir", "load_from", "resume")
_DEEPEST = 50  # dicts and lists in each other
_OURS = "aepose::"  # in front of a ``_base_`` file that is one of this installation


def read_config(path: str | Path) -> Config:
    """Return a config file with its ``_base_`` files; the modules that it names are imported.

    path: a file (``.py``), or the name of a model of the zoo or of a toy network

    A ``_base_`` such as ``'aepose::_base_/runtime.py'`` is a file below ``configs`` of this
    installation. A metainfo file is read, so that the config says all by itself. It, and modules
    of ``custom_imports``, are looked for beside the config file. A file of MMPose 0.x is converted,
    which a warning says, and not run. Raises ConfigError for a missing file
    (naming the nearest one), a syntax error, and a module that cannot be imported.
    """
    path = Path(path) if Path(path).suffix else find_config(str(path))
    if not os.path.isfile(path):  # unlike Path.is_file, also for a name that is too long
        siblings = [p.name for p in path.parent.glob("*.py")]
        raise ConfigError(f"config {path} does not exist" + nearest(path.name, siblings))
    if is_old_config(path):
        return _read_old_config(path)
    try:
        with _own_bases():
            cfg = Config.fromfile(path, import_custom_modules=False)
        list(cfg.items())  # runs what the engine would import only when it is looked at
    except FileNotFoundError as error:
        raise ConfigError(f"config {path}: a _base_ file is missing: {error}") from None
    except Exception as error:  # a config is code: it can fail in any way
        raise ConfigError(f"config {path} cannot be read: {error}") from error
    _import_modules(cfg, path)
    _take_in_metainfo(cfg, path.parent)
    return cfg


@contextmanager
def _own_bases() -> Iterator[None]:
    """Let the engine find ``_base_`` files of this installation by ``aepose::``.

    What stands before ``::`` is to the engine a package that was installed with its own tool.
    """
    find = Config._get_cfg_path

    def find_own(name: str, user: str) -> tuple[str, str | None]:
        if name.startswith(_OURS):
            return str(config_file(name.removeprefix(_OURS))), None
        return find(name, user)

    Config._get_cfg_path = staticmethod(find_own)
    try:
        yield
    finally:
        Config._get_cfg_path = staticmethod(find)


def _read_old_config(path: Path) -> Config:
    """Return a config of MMPose 0.x as one of ours; warns of it, and if it cannot be trained."""
    found = convert_file(path)
    told = f"config {path} is one of MMPose 0.x, and is converted as it is read"
    if found.training:
        told += ("; it can be tested, not trained, because of "
                 + ", ".join(key for key, _ in found.training))
    warn_once(f"{told} (`aepose convert-config {path}` writes the new one, and says what is not "
              "carried over, and why)")
    return Config(found.config, filename=path)


def config_of_checkpoint(meta: Mapping[str, Any], source: str | Path) -> Config:
    """Return the config that training stored in the ``meta`` of a checkpoint, not checked yet.

    Raises CheckpointError, which asks for a config, if there is none; ConfigError for one that
    names modules or files, as a checkpoint comes from whoever made it, and runs nothing; and
    whatever else what is no config raises.
    """
    text = meta.get("aepose_config")
    if text is None:
        raise CheckpointError(f"checkpoint {source} does not say which config it was trained "
                              "with; give --config")
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ConfigError(f"it is a {type(content).__name__}, and no dict")
    _refuse_imports(content)
    return Config(content)


def portable(text: str) -> str:
    """Return a config, both as JSON, without what only the machine has that it was used on."""
    config = {key: value for key, value in json.loads(text).items() if key not in _LOCAL}
    if Path(config.get("data_root") or "").is_absolute():
        del config["data_root"]
    return json.dumps(config)


def readable(text: str) -> str:
    """Return a config, given as JSON, as a config file says it."""
    return Config(json.loads(text)).pretty_text.strip()


def change(cfg: Config, changes: Mapping[str, Any]) -> Config:
    """Return a copy of a config with other values.

    changes: dotted keys -> values, such as ``{'model.backbone.width': 48}``. A test that is not
        described is the validation: of its sections, what is not changed is copied from there. A
        metainfo file is relative to the current folder.

    Raises ConfigError for a key that leads through something else than dicts and lists.
    """
    changed = deepcopy(cfg)
    for key, value in changes.items():
        section, *below = key.split(".")
        if section in _OF_A_TEST and below and changed.get(section) is None:
            changed[section] = deepcopy(changed.get(_OF_A_TEST[section]))
        try:
            _put(changed, [section, *below], value)
        except (ValueError, IndexError, TypeError) as error:
            raise ConfigError(f"{key}: there is no such place in the config ({error})") from None
    _take_in_metainfo(changed, Path())
    return changed


def _put(node: Any, keys: Sequence[str], value: Any) -> None:
    """Set a value below a dict or list; a dict is merged into one that is there.

    A dict with ``_delete_`` replaces what is there, as in config files.
    """
    key, *below = keys
    if isinstance(node, list):
        key = int(key)
    elif not isinstance(node, (dict, Config)):
        raise TypeError(f"'{key}' is below {node!r}")
    known = isinstance(node, list) or key in node
    if below:
        if not known or node[key] is None:
            node[key] = {}
        _put(node[key], below, value)
    elif isinstance(value, dict) and known and isinstance(node[key], dict):
        value = dict(value)
        if value.pop("_delete_", False):
            node[key] = value
        for name, part in value.items():
            _put(node[key], [name], part)
    else:
        node[key] = deepcopy(value)


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


@contextmanager
def quiet_engine() -> Iterator[None]:
    """Keep the engine from announcing that a registry lives elsewhere, which is no news."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def section_of(cfg: Config, key: str) -> str:
    """Return where a config describes ``key``: a test that is not described is the validation."""
    return _OF_A_TEST[key] if key in _OF_A_TEST and cfg.get(key) is None else key


def _import_modules(cfg: Config, path: Path) -> None:
    """Import what ``custom_imports`` names; modules beside the config file are found."""
    folder = str(path.parent.resolve())
    if folder not in sys.path and (cfg.get("custom_imports") or _names_modules(cfg.to_dict())):
        # For good: data workers that start anew import the same modules.
        sys.path.append(folder)
    described = cfg.get("custom_imports")
    if described is None:
        return
    names = described.get("imports") if isinstance(described, dict) else None
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise ConfigError(f"config {path}: custom_imports = {described!r}: write "
                          "custom_imports = dict(imports=['my_parts']) for a file my_parts.py "
                          "beside the config")
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # a module is code: it can fail in any way
            raise ConfigError(f"config {path}: custom_imports names '{name}', which cannot be "
                              f"imported ({type(error).__name__}: {error}); modules are looked for "
                              f"in {folder} and in PYTHONPATH") from error


def _names_modules(content: Any) -> bool:
    if isinstance(content, dict):
        return "." in str(content.get("type", "")) or any(map(_names_modules, content.values()))
    return isinstance(content, list) and any(map(_names_modules, content))


def _take_in_metainfo(cfg: Config, folder: Path) -> None:
    """Put the content of metainfo files in the place of their names."""
    if any(metainfo_files(cfg.get("metainfo"))):
        cfg.metainfo = with_files_read(cfg.metainfo, folder)


def _refuse_imports(content: dict[str, Any]) -> None:
    """Raise ConfigError for whatever would have modules imported or files read."""
    if content.get("custom_imports"):
        raise ConfigError(f"it names modules of its own ({content['custom_imports']})")
    for file in metainfo_files(content.get("metainfo")):
        raise ConfigError(f"it names a file of keypoints ({file})")
    _refuse_dotted(content)


def _refuse_dotted(content: Any, depth: int = 0) -> None:
    """Raise ConfigError for a ``type`` with a dot: it would be imported and called."""
    if depth > _DEEPEST:
        raise ConfigError(f"it is nested more than {_DEEPEST} deep")
    if isinstance(content, dict):
        if "." in str(content.get("type", "")):
            raise ConfigError(f"it names {content['type']!r}, which is not part of aepose")
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            _refuse_dotted(part, depth + 1)
