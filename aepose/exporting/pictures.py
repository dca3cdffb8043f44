"""Pictures for an export: to calibrate it with, and to compare it on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aepose.apis.sources import Picture, count_pictures, pictures_of
from aepose.codecs.decoder import Decoder
from aepose.datasets.transforms.resize import find_eval_frame
from aepose.errors import DataError
from aepose.runtime.description import Description

MOST = 100  # pictures; more would change little, and take long


@dataclass(frozen=True)
class Chosen:
    """Pictures of a source that a file takes; left_out: how many it does not, for their shape."""

    pictures: list[Picture]
    left_out: int = 0


def choose_pictures(source: Any, description: Description, option: str) -> Chosen:
    """Return up to MOST pictures, spread evenly over a source, in its order.

    source: as :func:`~aepose.apis.sources.pictures_of` takes it
    description: of the file, which may take a single size of the network input
    option: that names the source, for messages

    The same source gives the same pictures. Raises DataError for one that is missing or empty, and
    where no picture fits.
    """
    step = math.ceil((count_pictures(source) or 1) / MOST)
    pictures = list(islice(pictures_of(source), 0, MOST * step, step))
    if description.size is None:
        fitting = pictures
    else:
        decoder = description.decoder()
        fitting = [one for one in pictures if _input_size(one, decoder) == description.size]
    if not fitting:
        size = "" if description.size is None else (
            " that goes into the network as {}x{}, the only size that the file takes".format(
                *description.size))
        raise DataError(f"{option} {source} has no picture{size}")
    return Chosen(fitting, len(pictures) - len(fitting))


def _input_size(picture: Picture, decoder: Decoder) -> tuple[int, int]:
    height, width = picture.load().shape[:2]
    (size,) = find_eval_frame((width, height), decoder, (1,), picture.path or "picture").sizes
    return tuple(size)
