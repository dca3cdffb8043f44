"""Whether there is enough to learn from and to measure with, and creatures are large enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from aepose.analysis.findings import Finding, about, examples
from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets.films import films_of
from aepose.metainfo import Metainfo
from aepose.tables import counted

_TO_LEARN, _TO_MEASURE = 100, 50  # creatures
_RARE = 0.05  # of the creatures
_CELLS = 8  # of the finest heatmaps: the longest side of creatures whose keypoints stay apart


def check_numbers(keypoints: np.ndarray, metainfo: Metainfo, test_mode: bool) -> Iterator[Finding]:
    """Yield what there is too little of in annotations to train on or, by test_mode, to test on.

    keypoints: (P, K, 3) x, y, visibility
    """
    counts = (keypoints[..., 2] > 0).sum(axis=0)
    people = int((keypoints[..., 2] > 0).any(axis=1).sum())
    if test_mode and 0 < people < _TO_MEASURE:
        # Two standard deviations of a share of people that are found, at its widest.
        yield Finding("warning", f"{counted(people, 'person')} with keypoints to test on: what "
                      f"differs by less than about {people**-0.5:.2f} in AP may be chance",
                      f"label {_TO_MEASURE} at least, of other films than those trained on")
    if not test_mode and 0 < people < _TO_LEARN:
        yield Finding("warning", f"{counted(people, 'person')} with keypoints to train on: hardly "
                      "enough", f"label {_TO_LEARN} at least, several hundred if they look "
                      "different; choose pictures that differ, and start from a trained network "
                      "(--finetune)")
    if not test_mode:
        rare = [f"{name} ({number} times)" for name, number in zip(
            metainfo.keypoint_names, counts, strict=True) if 0 < number < _RARE * people]
        yield from about("warning", "keypoint", rare, "hardly ever labelled", "they will hardly "
                         "be found: label more pictures that show them, or leave them out")


def check_size(keypoints: np.ndarray, sizes: np.ndarray, codec: AssociativeEmbeddingCodec,
               scale: float) -> list[Finding]:
    """Return a finding if most creatures are small in a test.

    keypoints: (P, K, 3), pixels of the pictures; sizes: (P, 2) W, H of their pictures
    scale: the largest of the test scales
    """
    labelled = keypoints[..., 2:] > 0
    low = np.where(labelled, keypoints[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(labelled, keypoints[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    several = labelled[..., 0].sum(axis=1) > 1
    if not several.any():
        return []
    factors = (np.array(codec.train_size) / sizes[several]).max(axis=1) * scale
    sides = (high - low)[several].max(axis=1) * factors
    side, least = float(np.median(sides)), _CELLS * min(codec.map_strides)
    if not 0 < side < least:
        return []
    cells = side / min(codec.map_strides)
    return [Finding("warning", f"half of the people are no longer than {side:.0f} pixels as the "
                    f"network sees them in a test, {cells:.1f} cells of its heatmaps: keypoints "
                    "fall together", f"make codec.input_size {least / side:.1f} times as large, "
                    "or cut the pictures around them")]


def check_films(train: Sequence[Mapping[str, Any]], val: Sequence[Mapping[str, Any]]
                ) -> list[Finding]:
    """Return a finding if some films are both trained and tested on.

    train, val: entries of annotation files
    """
    films = films_of([*train, *val])
    tested = {id(image) for image in val}
    both = sorted(name for name, images in films.items()
                  if 0 < sum(id(image) in tested for image in images) < len(images))
    if not both:
        return []
    advice = ("test on other films; `aepose new` parts them so" if len(films) > 1 else
              "label pictures of another one to test on")
    return [Finding("warning", f"{counted(len(both), 'film')} both trained and tested on: "
                    f"{examples(both)}", "frames of a film are alike, so the metric will look too "
                    f"good: {advice}")]
