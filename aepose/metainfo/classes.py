"""Several classes, each with its own keypoints, in one set: their keypoints side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

from aepose.errors import ConfigError, nearest
from aepose.metainfo.structure import Metainfo, PoseClass

_KEYS = ("name", "classes")


@dataclass(frozen=True)
class JoinedMetainfo(Metainfo):
    """The keypoints of several classes side by side; made by :func:`join_classes`.

    members: the name and the own set of each class, in order
    """

    members: tuple[tuple[str, Metainfo], ...] = ()

    @property
    def classes(self) -> tuple[PoseClass, ...]:
        """The classes, in the order of their keypoints."""
        starts = accumulate((own.num_keypoints for _, own in self.members), initial=0)
        return tuple(PoseClass(name, own, start)
                     for (name, own), start in zip(self.members, starts, strict=False))


def check_classes(content: Mapping[str, Any]) -> None:
    """Raise ConfigError unless plain values describe a set of classes: ``name`` and ``classes``."""
    for key in content:
        if key not in _KEYS:
            raise ConfigError(f"metainfo.{key}: a set with classes has 'name' and 'classes' alone; "
                              "each class has its own keypoints" + nearest(key, _KEYS))
    name, classes = content.get("name"), content["classes"]
    if not isinstance(name, str) or not name:
        raise ConfigError(f"metainfo.name = {name!r}: give a text")
    if not isinstance(classes, Mapping) or not classes:
        raise ConfigError(f"metainfo.classes = {classes!r}: give a keypoint set (a name, a file or "
                          "a dict) by the name of each class")


def join_classes(name: str, classes: Mapping[str, Metainfo]) -> JoinedMetainfo:
    """Return the set of several classes: all keypoints side by side, called ``dog.nose``.

    classes: the keypoint set of each class by its name, in the order of the network's outputs

    Flip pairs, skeletons, colours, sigmas and orders of grouping are joined. Raises ConfigError for
    names that cannot be told apart in files and tables, and for a set that spreads its keypoints
    over several fields or has classes itself.
    """
    plain: dict[str, str] = {}
    for key, own in classes.items():
        if not isinstance(key, str) or not key.strip() or "/" in key:
            raise ConfigError(f"metainfo '{name}': class {key!r}: give a text without '/'")
        other = plain.setdefault(key.casefold(), key)
        if other != key:
            raise ConfigError(f"metainfo '{name}': classes '{other}' and '{key}' differ in upper "
                              "case alone; give them different names")
        if isinstance(own, JoinedMetainfo) or own.part_fields:
            what = "classes of its own" if isinstance(own, JoinedMetainfo) else (
                "keypoints in several annotation fields (" +
                ", ".join(field for field, _ in own.part_fields) + ")")
            raise ConfigError(f"metainfo '{name}': class '{key}' ('{own.name}') has {what}; give "
                              "one set of keypoints in one field")

    def joined(values: Callable[[Metainfo, Callable[[str], str]], Any]) -> tuple:
        """Join what each class has, which gets its set and what makes names of keypoints."""
        return tuple(chain.from_iterable(
            values(own, f"{key}.{{}}".format) for key, own in classes.items()))

    return JoinedMetainfo(
        name=name,
        keypoint_names=joined(lambda own, full: map(full, own.keypoint_names)),
        flip_pairs=joined(lambda own, full: ((full(a), full(b)) for a, b in own.flip_pairs)),
        sigmas=joined(lambda own, full: own.sigmas),
        skeleton=joined(lambda own, full: ((full(a), full(b)) for a, b in own.skeleton)),
        keypoint_colors=joined(lambda own, full: own.keypoint_colors),
        skeleton_colors=joined(lambda own, full: own.skeleton_colors),
        grouping_order=joined(lambda own, full: map(full, own.grouping_order)),
        members=tuple(classes.items()),
    )
