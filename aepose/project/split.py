"""Parting annotated pictures into some to train on and some to test on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aepose.datasets.films import films_of
from aepose.errors import DataError

_SHARE = 0.2  # of the pictures, to test on
_MOST = 1.5  # times that share, that whole films may come to
_SEED = 0


@dataclass(frozen=True)
class Split:
    """Entries of ``images`` to train on and to test on, and how they were parted, in words."""

    train: list[dict[str, Any]]
    val: list[dict[str, Any]]
    told: str


def split_images(images: Sequence[dict[str, Any]], source: str) -> Split:
    """Part the pictures of an annotation file: whole films where there are several.

    source: the file, for messages

    About a fifth is to test on. Frames of one film are nearly alike: with some in either part a
    network seems to be better than it is. Where films cannot be told, or there is one, pictures are
    drawn with a fixed seed. Raises DataError for fewer than two pictures.
    """
    if len(images) < 2:
        raise DataError(f"{source} has {len(images)} pictures, which cannot be parted into some to "
                        "train on and some to test on; give the latter with --val")
    films = films_of(images)
    if len(films) > 1:
        kept = _films_to_test(films)
        val = [image for name in kept for image in films[name]]
        told = (f"parted by film: {_some(kept)} to test on, {_some(sorted(films.keys() - kept))} "
                "to train on; no film is in both")
    else:
        number = max(1, round(_SHARE * len(images)))
        val = random.Random(_SEED).sample(list(images), number)
        told = f"parted by picture at random (seed {_SEED}); " + (
            f"all are of one film, {next(iter(films))}: frames of a film are alike, so that the "
            "metric will look too good. Label pictures of a second one for --val" if films else
            "if they are frames of films, name them so that it shows (folders, or "
            "film-name_0001.png), as frames of one film are alike, and the metric would look too "
            "good")
    tested = {image["id"] for image in val}
    return Split([i for i in images if i["id"] not in tested],
                 [i for i in images if i["id"] in tested], told)


def _films_to_test(films: dict[str, list[Any]]) -> list[str]:
    """Return films that have about the share together, or else the shortest one."""
    total = sum(map(len, films.values()))
    names = sorted(films)
    random.Random(_SEED).shuffle(names)
    kept, count = [], 0
    for name in names:
        number = len(films[name])
        if count < _SHARE * total and count + number <= _MOST * _SHARE * total:
            kept.append(name)
            count += number
    return sorted(kept) or [min(names, key=lambda name: len(films[name]))]


def _some(names: Sequence[str]) -> str:
    more = f", … ({len(names)})" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
