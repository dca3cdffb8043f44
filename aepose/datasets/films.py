"""Which pictures of an annotation file are frames of one film: such are nearly alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

_FIELDS = ("film", "video", "video_name", "video_id")
# The number of a frame at the end of a name, and what Roboflow puts behind it.
_NUMBER = re.compile(r"[\W_]*(?:frame|img|image)?[\W_]*\d+$", re.IGNORECASE)
_ROBOFLOW = re.compile(r"(?:[_-](?:jpe?g|png|bmp))?\.rf\.\w+$")
_LEAST_FRAMES = 3  # in the mean; folders and names of fewer pictures are no films


def films_of(images: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the pictures of each film by its name; nothing where films cannot be told.

    images: entries of an annotation file

    Films are told by a field of the entries (``film``, ``video``, ``video_name``, ``video_id``), or
    else by the folders, or else by what stands in the names in front of a number, where there are
    several of these, with three pictures each in the mean.

    >>> sorted(films_of([{'file_name': f'{film}_{i:04}.png'} for film in 'ab' for i in range(3)]))
    ['a', 'b']
    """
    for field in _FIELDS:
        if images and all(image.get(field) not in (None, "") for image in images):
            return _grouped(images, lambda image, field=field: str(image[field]))
    for rule in (_folder, _before_number):
        films = _grouped(images, rule)
        if len(films) > 1 and len(images) >= _LEAST_FRAMES * len(films):
            return films
    return {}


def _grouped(images: Sequence[Mapping[str, Any]], rule: Callable[[Mapping[str, Any]], str]
             ) -> dict[str, list[Mapping[str, Any]]]:
    films: dict[str, list[Mapping[str, Any]]] = {}
    for image in images:
        films.setdefault(rule(image), []).append(image)
    return films


def _folder(image: Mapping[str, Any]) -> str:
    return str(PurePosixPath(image["file_name"].replace("\\", "/")).parent)


def _before_number(image: Mapping[str, Any]) -> str:
    name = PurePosixPath(image["file_name"].replace("\\", "/")).name
    stem = _ROBOFLOW.sub("", name.rpartition(".")[0])
    return _NUMBER.sub("", stem)
