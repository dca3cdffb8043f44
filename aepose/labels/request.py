"""What a reader of labels is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aepose.metainfo import Metainfo


@dataclass(frozen=True)
class Request:
    """A label file to read, and what was said of it.

    content: of a JSON file
    images: a folder to look for pictures and films in, or a film
    scorer: whose labels are meant, where several people labelled
    metainfo: the keypoint set, where the file does not name its keypoints
    annotations: COCO's file of the pictures that a list of results belongs to
    predictions: take predictions, too, where there are labels of people
    """

    path: Path
    content: Any = None
    images: Path | None = None
    scorer: str | None = None
    metainfo: Metainfo | None = None
    annotations: Path | None = None
    predictions: bool = False
