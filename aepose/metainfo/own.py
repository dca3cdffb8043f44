"""Keypoint sets of one's own: from plain values, and from a JSON file with comments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from aepose.errors import ConfigError, nearest
from aepose.files import regular_file
from aepose.metainfo.structure import Metainfo

# As in the sets that are known: one side green, the other orange, what has no side blue.
_FIRST, _SECOND, _MIDDLE = (0, 255, 0), (255, 128, 0), (51, 153, 255)


def read_commented_json(path: str | Path, what: str, expected: str) -> dict[str, Any]:
    """Return the object in a file of JSON in which ``#`` and ``//`` begin comments.

    what: the kind of file, and expected: some of its keys, for messages

    Raises ConfigError that names the file.
    """
    path = regular_file(path, ConfigError, what)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{what} {path} cannot be read: {error}") from None
    return parse_commented_json(text, path, what, expected)


def parse_commented_json(text: str, path: Path, what: str, expected: str) -> dict[str, Any]:
    """Return the object in the text of a file, as :func:`read_commented_json` does."""
    import json_tricks
    from json_tricks.decoders import DuplicateJsonKeyException

    try:
        # Without hooks nothing but plain values comes out.
        content = json_tricks.loads(text, ignore_comments=True, preserve_order=False,
                                    obj_pairs_hooks=(), allow_duplicates=False)
    except (ValueError, RecursionError, DuplicateJsonKeyException) as error:
        raise ConfigError(f"{what} {path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{what} {path}: expected an object with {expected}")
    return content


def make_metainfo(content: Mapping[str, Any]) -> Metainfo:
    """Return the keypoint set that plain values describe.

    content: the fields of :class:`Metainfo` by name. Colours may be left out: the first keypoints
        of flip pairs are green then, the second orange, all others blue; limbs have the colour of
        their second keypoint. So may the skeleton, the order of grouping and the part fields.

    Raises ConfigError for an unknown or a missing field, and for values of the wrong kind.
    """
    known = {field.name: field for field in fields(Metainfo)}
    for key in content:
        if key not in known:
            raise ConfigError(f"metainfo.{key} is unknown" + nearest(key, known))
    for key in ("name", "keypoint_names", "flip_pairs", "sigmas"):
        if key not in content:
            raise ConfigError(f"metainfo lacks '{key}'" + (
                " (an empty list if no keypoints change sides in a mirrored picture)"
                if key == "flip_pairs" else ""))
    values = {"skeleton": (), **content}
    values = {key: _checked(key, value) for key, value in values.items()}
    if "keypoint_colors" not in values:
        values["keypoint_colors"] = _colors(values["keypoint_names"], values["flip_pairs"])
    if "skeleton_colors" not in values:
        colors = dict(zip(values["keypoint_names"], values["keypoint_colors"], strict=False))
        values["skeleton_colors"] = tuple(colors.get(b, _MIDDLE) for _, b in values["skeleton"])
    defaults = {name for name, field in known.items() if field.default is not MISSING}
    return Metainfo(**{k: v for k, v in values.items() if k not in defaults or v})


def _checked(key: str, value: Any) -> Any:
    """Return a value with tuples for lists, if it is of the kind that ``key`` needs."""
    rules = {
        "name": lambda v: isinstance(v, str) and v,
        "keypoint_names": lambda v: _are(v, str) and v,
        "flip_pairs": _are_pairs,
        "skeleton": _are_pairs,
        "aliases": _are_pairs,
        "grouping_order": lambda v: _are(v, str),
        "sigmas": lambda v: _are(v, (int, float)) and all(0 < s < math.inf for s in v),
        "keypoint_colors": _are_colors,
        "skeleton_colors": _are_colors,
        "part_fields": lambda v: _is_list(v) and all(
            _is_list(p) and len(p) == 2 and isinstance(p[0], str) and type(p[1]) is int and p[1] > 0
            for p in v),
    }
    wanted = {
        "name": "a text", "sigmas": "a list of positive numbers",
        "flip_pairs": "a list of pairs of names", "skeleton": "a list of pairs of names",
        "aliases": "a list of pairs of another spelling and the name it means",
        "part_fields": "a list of pairs of a field and its number of keypoints",
        "keypoint_colors": "a list of [red, green, blue], 0 to 255",
        "skeleton_colors": "a list of [red, green, blue], 0 to 255",
    }
    if not rules[key](value):
        raise ConfigError(f"metainfo.{key} = {value!r}: give {wanted.get(key, 'a list of names')}")
    return _as_tuples(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _are(value: Any, kind: Any) -> bool:
    return _is_list(value) and all(isinstance(v, kind) and not isinstance(v, bool) for v in value)


def _are_pairs(value: Any) -> bool:
    return _is_list(value) and all(_are(pair, str) and len(pair) == 2 for pair in value)


def _are_colors(value: Any) -> bool:
    return _is_list(value) and all(
        _are(color, int) and len(color) == 3 and all(0 <= v < 256 for v in color)
        for color in value)


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if _is_list(value) else value


def _colors(
    names: Sequence[str], flip_pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[int, int, int], ...]:
    first, second = ({pair[side] for pair in flip_pairs} for side in (0, 1))
    return tuple(_FIRST if name in first else _SECOND if name in second else _MIDDLE
                 for name in names)
