"""Old config files: converted, and written as ours."""

from __future__ import annotations

from keyword import iskeyword
from pathlib import Path
from typing import Any

from mmengine.config import Config

from aepose.errors import ConfigError
from aepose.migration.convert import Conversion, convert, listed
from aepose.migration.reading import is_old_config, read_plainly

_WIDTH = 100


def convert_file(path: Path, trust: bool = False) -> Conversion:
    """Return what a config file of MMPose 0.x says in the words of ours.

    trust: run the file, as the engine reads configs; otherwise it is read without being run

    Raises ConfigError that names the file.
    """
    if trust:
        try:
            old = Config.fromfile(path, import_custom_modules=False).to_dict()
        except Exception as error:  # a config is code: it can fail in any way
            raise ConfigError(f"config {path} cannot be run: {error}") from error
    else:
        old = read_plainly(path)
        if not is_old_config(path):
            raise ConfigError(f"config {path} is none of MMPose 0.x; aepose reads its own as they "
                              "are")
    try:
        return convert(old)
    except ConfigError as error:
        raise ConfigError(f"config {path}, of MMPose 0.x: {error}") from None
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        # Values of any type can stand anywhere.
        raise ConfigError(f"config {path} is not as MMPose 0.x takes it: {type(error).__name__}: "
                          f"{error}") from error


def config_text(found: Conversion, path: Path) -> str:
    """Return a converted config as a file says it, with a line for all that is not in it."""
    lines = [f"Converted from {path.name} of MMPose 0.x."]
    for title, entries in (("It can only be tested. Not converted:", found.training),
                           ("Not carried over:", found.notes)):
        if entries:
            lines += [title, *listed(entries).splitlines()[1:]]
    # All lines of all texts, so that none becomes code.
    head = "".join(f"# {line}\n" for text in lines for line in text.splitlines())
    return head + "\n" + "".join(f"{key} = {_written(value, len(key) + 3)}\n"
                                 for key, value in found.config.items())


def _written(value: Any, taken: int, indent: int = 0) -> str:
    """Return a value as Python, in lines that are not too long.

    taken: characters of the first line in front of it; indent: of the lines below
    """
    flat = _on_one_line(value)
    if not isinstance(value, (dict, list)) or taken + indent + len(flat) <= _WIDTH:
        return flat
    start, end, parts = _parts(value)
    inner = indent + 4
    lines = [" " * inner + key + _written(part, len(key) + 1, inner) for key, part in parts]
    return start + "\n" + ",\n".join(lines) + end


def _on_one_line(value: Any) -> str:
    if not isinstance(value, (dict, list)):
        return repr(value)
    start, end, parts = _parts(value)
    return start + ", ".join(key + _on_one_line(part) for key, part in parts) + end


def _parts(value: dict | list) -> tuple[str, str, list[tuple[str, Any]]]:
    """Return how a dict or a list begins and ends, and its parts with what stands before each."""
    if isinstance(value, list):
        return "[", "]", [("", part) for part in value]
    if all(isinstance(key, str) and key.isidentifier() and not iskeyword(key) for key in value):
        return "dict(", ")", [(f"{key}=", part) for key, part in value.items()]
    return "{", "}", [(f"{key!r}: ", part) for key, part in value.items()]
