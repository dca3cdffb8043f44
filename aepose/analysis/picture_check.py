"""Whether the pictures of a data set are there, can be read, and are its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aepose.analysis.findings import Finding, Level, about
from aepose.datasets import CocoKeypoints
from aepose.errors import ImageError
from aepose.tables import counted

_SAMPLE = 12  # pictures that are read


def check_pictures(images: list[dict[str, Any]], dataset: CocoKeypoints) -> Iterator[Finding]:
    """Yield which pictures of an annotation file are not there, and whether some can be read."""
    level: Level = "warning" if dataset.on_bad_image == "skip" else "error"
    if not dataset.img_dir.is_dir():
        yield Finding(level, f"folder {dataset.img_dir} is not there",
                      "check img_dir and data_root, or give --cfg-options data_root=DIR")
        return
    listed = {dataset.img_dir / image["file_name"]: image for image in images}
    there = {path for folder in {path.parent for path in listed} if folder.is_dir()
             for path in folder.iterdir()}
    yield from about(level, "picture", (str(path) for path in listed if path not in there),
                     f"of {len(listed)} not there", "fetch them, or cut them out of the "
                     "annotations; in training on_bad_image='skip' takes others instead")
    kinds = {path.suffix.lower() for path in listed}
    yield from about("note", "picture", sorted(path.name for path in there - listed.keys()
                                               if path.suffix.lower() in kinds),
                     f"in {dataset.img_dir} without an entry in the file", "they are not used")
    found = [image for path, image in listed.items() if path in there]
    tried = found[::max(1, len(found) // _SAMPLE)][:_SAMPLE]
    bad = list(filter(None, (_trouble(image, dataset) for image in tried)))
    if bad:
        yield Finding(level, f"{len(bad)} of {counted(len(tried), 'picture')} that were tried: "
                      f"{bad[0]}")
    elif tried:
        yield Finding("ok", f"{counted(len(tried), 'picture')} tried: can be read, of the sizes "
                      "that the file gives")


def picture_paths(dataset: CocoKeypoints) -> set[str]:
    """Return where the pictures of a data set lie."""
    return {os.path.abspath(dataset.img_dir / image["file_name"]) for image in dataset.images}


def shared_pictures(first: set[str], second: set[str]) -> list[Finding]:
    """Return a finding if pictures are in the training set and in the validation set."""
    return about("warning", "picture", sorted(Path(path).name for path in first & second),
                 "both trained on and tested on", "the metrics will look too good")


def _trouble(image: dict[str, Any], dataset: CocoKeypoints) -> str:
    try:
        dataset.load_image(image)
    except ImageError as error:
        return str(error)
    return ""
