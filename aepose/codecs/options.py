"""Options of the codec that are more than a number, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aepose.errors import ConfigError
from aepose.metainfo import Metainfo


def checked_size(
    size: int | Sequence[int], multiple: int, name: str = "codec.input_size"
) -> tuple[int, int]:
    """Return ``size``, the side of a square or (W, H), as (W, H).

    Raises ConfigError that calls it ``name`` if a side is no positive multiple of ``multiple``.
    """
    square = type(size) is int
    sides = (size, size) if square else size
    if not (isinstance(sides, (list, tuple)) and len(sides) == 2
            and all(type(side) is int and side > 0 for side in sides)):
        raise ConfigError(f"{name} = {size!r}: give the side of a square, or width and "
                          "height such as (768, 512), in whole pixels")
    for side, which in zip(sides, ("width", "height"), strict=True):
        if side % multiple:
            wanted = "a multiple" if square else f"a {which} that is a multiple"
            raise ConfigError(f"{name} = {size}: give {wanted} of codec.size_multiple, "
                              f"{multiple}, so that networks can halve it often enough")
    return tuple(sides)


def check_positive(name: str, value: float, also: str = "") -> None:
    """Raise ConfigError unless ``codec.<name>`` is a positive number.

    also: what else may be given, for the message
    """
    if not isinstance(value, (int, float)) or not value > 0:
        raise ConfigError(f"codec.{name} = {value!r}: give a positive number{also}")


def checked_strides(strides: Sequence[int]) -> tuple[int, ...]:
    """Return ``codec.map_strides`` in falling order; raise ConfigError for what is no strides."""
    if not (isinstance(strides, (list, tuple)) and strides
            and all(type(stride) is int and stride > 0 for stride in strides)
            and len(set(strides)) == len(strides)):
        raise ConfigError(f"codec.map_strides = {strides!r}: give a list of different positive "
                          "whole numbers, such as [4] or [4, 2]")
    return tuple(sorted(strides, reverse=True))


def checked_order(metainfo: Metainfo, order: Sequence[str] | None) -> tuple[int, ...]:
    """Return the keypoint indices in the order of ``codec.grouping_order``, or the metainfo's.

    Raises ConfigError for other names than those of the metainfo, or one that comes twice.
    """
    if order is None:
        return metainfo.grouping_index
    names = metainfo.keypoint_names
    if not (isinstance(order, (list, tuple)) and all(name in names for name in order)
            and len(set(order)) == len(order)):
        raise ConfigError(f"codec.grouping_order = {order!r}: give a list of different keypoints "
                          f"of '{metainfo.name}', which are {', '.join(names)}")
    return replace(metainfo, grouping_order=tuple(order)).grouping_index
