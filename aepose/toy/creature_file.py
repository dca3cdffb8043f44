"""Read and check the description of a creature: one that ships, a file or a dict."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aepose.errors import ConfigError, nearest
from aepose.metainfo.own import read_commented_json
from aepose.toy.canvas import OWNER_STEP
from aepose.toy.creature import Creature, Hull, Joint

_SHIPPED = Path(__file__).parent / "creatures"
_MOST_PARTS = OWNER_STEP - 1


def shipped_creatures() -> list[str]:
    """Return the names of the creatures that ship."""
    return sorted(path.stem for path in _SHIPPED.glob("*.json"))


def get_creature(source: str | Path | Mapping[str, Any]) -> Creature:
    """Return a creature.

    source: the name of one that ships; a file (``.json``, with ``#`` or ``//`` before comments) or
        a dict of one's own, see :func:`make_creature`

    Raises ConfigError, naming the nearest creature that ships, for an unknown name, and for what
    does not describe a creature; it names the file, the joint and the key.
    """
    if isinstance(source, Mapping):
        return make_creature(source)
    own = str(source).lower().endswith(".json")
    if not own and source not in shipped_creatures():
        raise ConfigError(f"{str(source)!r} is not a creature that ships"
                          + nearest(str(source), shipped_creatures())
                          + "; a file of one's own ends in .json")
    path = Path(source) if own else _SHIPPED / f"{source}.json"
    content = read_commented_json(path, "creature file", "name, joints, …")
    try:
        return make_creature(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def make_creature(content: Mapping[str, Any]) -> Creature:
    """Return the creature that plain values describe.

    content: the fields of :class:`~aepose.toy.creature.Creature`; ``joints`` by name and ``hulls``
        as a list, both with the fields of ``Joint`` and ``Hull``. A range is a number or a pair of
        numbers, a colour ``'any'``, [red, green, blue] or a pair of these. A joint that is the
        ``mirror_of`` another needs no more than that. ``size`` (0.4 to 0.6), ``turn`` (all round),
        ``girth`` (1), ``mirrored`` (0) and ``hulls`` may be left out.

    Raises ConfigError that names the joint and the key.
    """
    values = _fields(content, "creature", _CREATURE, ("name", "keypoints", "colours", "joints"))
    colours, joints = values["colours"], _joints(values["joints"])
    known = {joint.name for joint in joints}
    hulls = []
    for number, entry in enumerate(values["hulls"]):
        where = f"hulls[{number}]"
        hull = Hull(**_fields(entry, where, _HULL, ("joints", "radius", "colour")))
        _check_known(f"{where}.joints", hull.joints, known)
        _check_known(f"{where}.colour", [hull.colour], colours)
        hulls.append(hull)
    for joint in joints:
        used = [name for name in (joint.colour, joint.stripes) if name is not None]
        _check_known(f"joints.{joint.name}: colour", used, colours)
    creature = Creature(**{**values, "joints": joints, "hulls": tuple(hulls)})
    _check_keypoints(creature)
    if len(creature.parts) > _MOST_PARTS:
        raise ConfigError(f"{len(creature.parts)} joints and hulls are drawn; {_MOST_PARTS} is the "
                          "most")
    if creature.mirrored and any(joint.mirror_of for joint in joints):
        raise ConfigError(f"mirrored = {creature.mirrored}: a creature with two sides ('mirror_of')"
                          " cannot be mirrored, its left would be drawn on its right; leave it out")
    return creature


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("give a number")
    return float(value)


def _range(least: float = -math.inf, most: float = math.inf) -> Callable[[Any], tuple]:
    def read(value: Any) -> tuple[float, float]:
        pair = value if isinstance(value, (list, tuple)) else [value, value]
        if len(pair) != 2:
            raise ValueError("give a number, or [low, high]")
        low, high = map(_number, pair)
        if low > high:
            raise ValueError(f"the range is reversed; write [{high:g}, {low:g}]")
        if low < least or high > most:
            raise ValueError(f"give {least:g} or more" + (
                f", and at most {most:g}" if most < math.inf else ""))
        return low, high
    return read


def _share(value: Any) -> float:
    if not 0 <= _number(value) <= 1:
        raise ValueError("give 0 to 1")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("give a name")
    return value


def _plain(value: Any) -> str:
    """The name of a creature is that of a file and of a class, too."""
    if not isinstance(value, str) or not re.fullmatch(r"[\w-]+", value):
        raise ValueError("give a name of letters, digits, - and _")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("give a list of names")
    names = tuple(map(_text, value))
    if len(set(names)) < len(names):
        raise ValueError("a name stands there twice")
    return names


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError("give an object with an entry per name")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("give a list of objects")
    return value


def _colours(value: Any) -> dict[str, Any]:
    return {name: _colour(name, colour) for name, colour in _object(value).items()}


def _colour(name: str, value: Any) -> tuple | None:
    def is_rgb(values: Any) -> bool:
        return (isinstance(values, (list, tuple)) and len(values) == 3
                and all(type(v) is int and 0 <= v <= 255 for v in values))
    if value == "any":
        return None
    if is_rgb(value):
        return tuple(value), tuple(value)
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(map(is_rgb, value)):
        return tuple(value[0]), tuple(value[1])
    raise ValueError(f"{name}: give 'any', [red, green, blue], 0 to 255, or a pair of these")


# Key -> (what reads its value, what it is if left out).
_Table = dict[str, tuple[Callable[[Any], Any], Any]]
_CREATURE: _Table = {
    "name": (_plain, None), "keypoints": (_names, None), "size": (_range(0.05, 2.0), (0.4, 0.6)),
    "turn": (_range(), (-180.0, 180.0)), "girth": (_range(0.1), (1.0, 1.0)),
    "mirrored": (_share, 0.0), "colours": (_colours, None), "joints": (_object, None),
    "hulls": (_list, []),
}
_JOINT: _Table = {
    "parent": (_text, None), "length": (_range(0.0), (0.0, 0.0)), "angle": (_range(), (0.0, 0.0)),
    "radius": (_range(0.001), None), "base": (_range(0.001), None), "colour": (_text, None),
    "shade": (_number, 1.0), "layer": (_number, 0.0), "stripes": (_text, None),
    "mirror_of": (_text, None),
}
_HULL: _Table = {
    "joints": (_names, None), "radius": (_range(0.001), None), "colour": (_text, None),
    "shade": (_number, 1.0), "layer": (_number, 0.0),
}


def _fields(content: Any, where: str, table: _Table, needed: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of a table's keys, read; those that are left out have their default."""
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where} = {content!r}: give an object with {', '.join(table)}")
    for key in content:
        if key not in table:
            raise ConfigError(f"{where}.{key} is unknown" + nearest(key, table))
    for key in needed:
        if key not in content:
            raise ConfigError(f"{where} lacks '{key}'")
    values = {}
    for key, (read, default) in table.items():
        try:
            values[key] = read(content[key]) if key in content else default
        except ValueError as error:
            raise ConfigError(f"{where}.{key} = {content[key]!r}: {error}") from None
    return values


def _check_known(where: str, names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: there is no '{name}'" + nearest(name, known))


def _joints(content: Mapping[str, Any]) -> tuple[Joint, ...]:
    """Return the joints, those of the other side filled in, parents before their children."""
    joints = {name: Joint(name=name, **_fields(entry, f"joints.{name}", _JOINT, ()))
              for name, entry in content.items()}
    partner = {joint.mirror_of: name for name, joint in joints.items() if joint.mirror_of}
    for name, joint in joints.items():
        if joint.mirror_of:
            joints[name] = _mirrored(joint, content[name], joints, partner)
    for joint in joints.values():
        if joint.parent is not None:
            _check_known(f"joints.{joint.name}.parent", [joint.parent], joints)
        if joint.radius is not None and joint.colour is None:
            raise ConfigError(f"joints.{joint.name} lacks 'colour', which what is drawn needs")
        if joint.base is not None and joint.radius is None:
            raise ConfigError(f"joints.{joint.name} has 'base' but no 'radius'; give both")
    roots = [joint.name for joint in joints.values() if joint.parent is None]
    if len(roots) > 1:
        raise ConfigError(f"joints {', '.join(roots)} have no 'parent'; only one, the root, may")
    return tuple(_sorted(joints))


def _mirrored(joint: Joint, given: Mapping[str, Any], joints: Mapping[str, Joint],
              partner: Mapping[str, str]) -> Joint:
    """Return a joint with what it has from the one of the other side."""
    where = f"joints.{joint.name}"
    if len(given) > 1:
        more = ", ".join(key for key in given if key != "mirror_of")
        raise ConfigError(f"{where} has {more} beside 'mirror_of', from which all comes; leave "
                          "one out")
    _check_known(f"{where}.mirror_of", [joint.mirror_of], joints)
    other = joints[joint.mirror_of]
    if other.mirror_of or partner[other.name] != joint.name:
        raise ConfigError(f"{where}.mirror_of = {other.name!r}: a joint is the mirror image of one "
                          "other, which has its own description")
    low, high = other.angle
    return replace(other, name=joint.name, angle=(-high, -low), mirror_of=other.name,
                   parent=partner.get(other.parent, other.parent))


def _sorted(joints: Mapping[str, Joint]) -> Iterator[Joint]:
    """Yield parents before children, else in the order of the file."""
    left = dict(joints)
    done: set[str | None] = {None}
    while left:
        joint = next((joint for joint in left.values() if joint.parent in done), None)
        if joint is None:
            raise ConfigError(f"joints {', '.join(left)} hang on each other in a circle: following "
                              "'parent' must end at a joint without one")
        done.add(joint.name)
        del left[joint.name]
        yield joint


def _check_keypoints(creature: Creature) -> None:
    """Each keypoint is a joint that can be seen, and has its mirror image among the keypoints."""
    joints = {joint.name: joint for joint in creature.joints}
    _check_known("keypoints", creature.keypoints, joints)
    for name in creature.keypoints:
        if not creature.touching(name):
            raise ConfigError(f"keypoints: nothing is drawn at '{name}'; give it, or a joint that "
                              "hangs on it, a radius")
    for joint in creature.joints:
        pair = joint.name, joint.mirror_of
        if joint.mirror_of and len(set(pair) & set(creature.keypoints)) == 1:
            one, other = pair if joint.name in creature.keypoints else pair[::-1]
            raise ConfigError(f"keypoints: '{one}' is one, and '{other}', its mirror image, is "
                              "not; list both or neither")
