"""OKS sigmas from creatures that were annotated more than once, by COCO's rule.

COCO's sigma of a keypoint is the standard deviation of its annotations relative to the creature's
scale: sigma^2 = E[d^2 / s^2], with d the distance of an annotation from the true place and s^2 the
creature's area (COCO's page on keypoint evaluation). The true place is not known, but two
annotations a and b differ by twice one's variance: sigma^2 = E[|a - b|^2 / s^2] / 2. In the metric,
the standard deviation of what is found is then k = 2 sigma.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.annotations import all_keypoints, by_image, load_annotations
from aepose.datasets.categories import Category, classes_of
from aepose.errors import ConfigError, DataError
from aepose.evaluation.ground_truth import BOX_SHARE
from aepose.files import write_text
from aepose.labels.content import box_around
from aepose.metainfo import Metainfo, get_metainfo, with_files_read
from aepose.metainfo.own import parse_commented_json

LEAST = 10
"""Repeats of a keypoint; sigma is then known to about a sixth."""
# How far half of the keypoints of two annotations may lie apart, relative to s, so that they can be
# of one creature. In one file, two that lie close together must not pass for one.
_NEAR_IN_A_FILE, _NEAR = 0.15, 0.3
_SHARE = 0.8  # of a picture's creatures, that somebody annotated again if one was on purpose
_LEAST_COMMON = 3  # keypoints that both have
# |a - b|^2 / 2 s^2 is exponentially distributed with the mean sigma^2. So many times what the
# median says, one in a thousand is: others are mistakes, such as left for right.
_FAR = math.log(1000)

# A list of sigmas in JSON's text; comments and strings are passed over.
_SIGMAS = re.compile(r'(?://|#).*|("sigmas"\s*:\s*)(\[[^\]]*\])|"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class SigmaEstimate:
    """What repeated annotations say of one keypoint.

    sigma: None where there are too few repeats; why: what stood against it
    count: repeats that were used; left_out: those that lie too far apart
    """

    name: str
    sigma: float | None
    count: int
    left_out: int = 0
    why: str = ""


@dataclass(frozen=True)
class _Creature:
    """keypoints: (K, 3) pixels, visibility; area: square pixels."""

    file: int
    keypoints: np.ndarray
    area: float
    track: Any


def estimate_sigmas(paths: Sequence[str | Path], metainfo: Metainfo,
                    category: Category = None) -> list[SigmaEstimate]:
    """Return an estimate for each keypoint, from annotation files in COCO's format.

    paths: several files with the same pictures, each by one annotator, or files in which creatures
        are annotated several times
    category: ids or names of the categories that are meant, where the files leave a choice, by
        class where there are several

    In a picture, annotations of two files are joined one to one, the nearest first; in one file
    those so near to each other that they cannot be two creatures are, where this is so for nearly
    all of the picture's and their ``track_id`` does not differ. Annotations that are equal in all
    keypoints are copies, and not counted. Raises DataError for files that cannot be read, or that
    give a picture two sizes.
    """
    repeats: dict[int, list[tuple[_Creature, _Creature]]] = defaultdict(list)
    for index, creatures in _pictures(paths, metainfo, category):
        repeats[index] += _repeats(creatures)
    return [_estimate(name, [
        _half_square(a, b, k) for a, b in repeats[index]
        if a.keypoints[k, 2] > 0 and b.keypoints[k, 2] > 0])
        for index, one in enumerate(metainfo.classes)
        for k, name in enumerate(metainfo.keypoint_names[one.keypoints])]


def _pictures(paths: Sequence[str | Path], metainfo: Metainfo, category: Category
              ) -> Iterator[tuple[int, list[_Creature]]]:
    """Yield a class, by index, and its creatures with keypoints in a picture, of all files."""
    found: dict[tuple[str, int], list[_Creature]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for number, path in enumerate(paths):
        data = load_annotations(path, metainfo, category)
        classes = classes_of(data["categories"], metainfo)
        people = by_image(data["images"], data["annotations"])
        for image in data["images"]:
            name, size = image["file_name"], (image["width"], image["height"])
            if sizes.setdefault(name, size) != size:
                raise DataError(f"{path}: {name} is {size[0]}x{size[1]}, and "
                                f"{sizes[name][0]}x{sizes[name][1]} in another file; annotations "
                                "of pictures of two sizes cannot be compared")
            own = [person for person in people[image["id"]] if not person.get("iscrowd", 0)]
            for person, joints in zip(own, all_keypoints(own, classes, metainfo), strict=True):
                index = classes[person["category_id"]]
                joints = joints[metainfo.classes[index].keypoints]
                if (joints[:, 2] > 0).any():
                    found.setdefault((name, index), []).append(_Creature(
                        number, joints, _area(person, joints, size), person.get("track_id")))
    for (_, index), creatures in found.items():
        yield index, creatures


def _area(person: dict[str, Any], joints: np.ndarray, size: tuple[int, int]) -> float:
    """Return the area in square pixels, as the metric goes by: the file's, or a share of the box.

    size: (W, H) of the picture; where there is no box either, it is that of `aepose convert`
    """
    if person.get("area"):
        return float(person["area"])
    box = person.get("bbox") or box_around(joints[joints[:, 2] > 0, :2], size)
    return float(BOX_SHARE * box[2] * box[3])


def _half_square(a: _Creature, b: _Creature, k: int | slice) -> Any:
    """Return |a - b|^2 / 2 s^2 of keypoint k, or of several."""
    offsets = a.keypoints[k, :2] - b.keypoints[k, :2]
    return (offsets ** 2).sum(axis=-1) / (a.area + b.area)  # s^2 is the mean of the two


def _distance(a: _Creature, b: _Creature) -> float:
    """Return how far half of the common keypoints lie apart at most, relative to s."""
    common = (a.keypoints[:, 2] > 0) & (b.keypoints[:, 2] > 0)
    fewer = min((one.keypoints[:, 2] > 0).sum() for one in (a, b))
    if common.sum() < max(min(_LEAST_COMMON, len(common)), fewer / 2) or not a.area + b.area > 0:
        return math.inf
    return float(np.sqrt(2 * np.median(_half_square(a, b, slice(None))[common])))


def _repeats(creatures: Sequence[_Creature]) -> Iterator[tuple[_Creature, _Creature]]:
    """Yield the pairs of annotations of one picture that are of one creature, but for copies."""
    files: dict[int, list[_Creature]] = {}
    for creature in creatures:
        files.setdefault(creature.file, []).append(creature)
    pairs = [pair for part in files.values() for pair in _in_a_file(part)]
    for first, second in combinations(files.values(), 2):
        pairs += _one_to_one(first, second)
    for a, b in pairs:
        if not np.array_equal(a.keypoints[:, :2], b.keypoints[:, :2]):
            yield a, b


def _in_a_file(creatures: Sequence[_Creature]) -> list[tuple[_Creature, _Creature]]:
    pairs = [(a, b) for a, b in combinations(creatures, 2)
             if _distance(a, b) < _NEAR_IN_A_FILE
             and (a.track is None or b.track is None or a.track == b.track)]
    twice = {id(creature) for pair in pairs for creature in pair}
    return pairs if len(twice) >= _SHARE * len(creatures) else []


def _one_to_one(first: Sequence[_Creature], second: Sequence[_Creature]
                ) -> Iterator[tuple[_Creature, _Creature]]:
    near = sorted(((_distance(a, b), i, j) for i, a in enumerate(first)
                   for j, b in enumerate(second)))
    taken: set[tuple[int, int]] = set()
    for distance, i, j in near:
        if distance < _NEAR and not {(0, i), (1, j)} & taken:
            taken |= {(0, i), (1, j)}
            yield first[i], second[j]


def _estimate(name: str, squares: Sequence[float]) -> SigmaEstimate:
    """squares: of each repeat, |a - b|^2 / 2 s^2."""
    values = np.array(squares)
    if len(values) < LEAST:
        few = f"{len(values)} repeats, fewer than {LEAST}" if squares else "no repeats"
        return SigmaEstimate(name, None, len(values), why=few)
    middle = float(np.median(values)) / math.log(2)
    if middle <= 0:
        return SigmaEstimate(name, None, len(values), why="most repeats are equal, so copied")
    kept = values[values <= _FAR * middle]
    return SigmaEstimate(name, float(np.sqrt(kept.mean())), len(kept), len(values) - len(kept))


def write_sigmas(path: str | Path, estimates: Sequence[SigmaEstimate]) -> None:
    """Put the sigmas that were estimated into a metainfo file, and leave all else as it is.

    Raises ConfigError if a list of sigmas cannot be found in its text, such as that of a class that
    is in a file of its own.
    """
    path = Path(path)
    metainfo = get_metainfo(path)
    new = [old if one.sigma is None else round(one.sigma, 4)
           for old, one in zip(metainfo.sigmas, estimates, strict=True)]
    text = path.read_text(encoding="utf-8")
    sets = parse_commented_json(text, path, "metainfo file", "sigmas").get("classes")
    lists = (new[one.keypoints] for one in metainfo.classes
             if sets is None or isinstance(sets[one.name], dict))
    changed = _SIGMAS.sub(
        lambda found: f"{found[1]}{next(lists, found[2])}" if found[1] else found[0], text)
    changed = re.sub(r"(?m)^(\s*)// sigmas are a default.*$",
                     r"\1// sigmas were estimated by `aepose sigmas`, as far as it could", changed)
    content = parse_commented_json(changed, path, "metainfo file", "sigmas")
    if list(get_metainfo(with_files_read(content, path.parent)).sigmas) != new:
        missing = ", ".join(f'"sigmas": {new[one.keypoints]}' + (f" of {one.name}" if sets else "")
                            for one in metainfo.classes)
        raise ConfigError(f"{path}: the place of 'sigmas' is not found in its text; write there "
                          + missing)
    write_text(path, changed)
