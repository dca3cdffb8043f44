"""Labels in COCO's layout, how they are put together, and where their pictures are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.regions import FARTHEST, farthest
from aepose.datasets.values import are_numbers, shown
from aepose.errors import DataError
from aepose.evaluation.ground_truth import BOX_SHARE
from aepose.labels.report import Report

BOX_MARGIN = 0.1
"""How far a box lies around the labelled keypoints: a share of their longer side, on each side."""
_LEAST_MARGIN = 0.01  # of the picture's longer side, for few keypoints that lie close
COMPUTED = {
    "bbox": f"boxes: around the labelled keypoints, {BOX_MARGIN:g} of their longer side wider",
    "area": f"areas: {BOX_SHARE:g} of the box; OKS goes by them"}
"""What is said of the fields of a creature that are computed."""


@dataclass(frozen=True)
class FilmFrame:
    """A picture that is a frame of a film.

    number: from 0; dataset: the name of the film inside a file of SLEAP that holds pictures itself
    """

    film: Path
    number: int
    dataset: str = ""

    @property
    def series(self) -> str:
        """What the film is called in names of pictures."""
        name = self.dataset.replace("/", "_")
        return f"{self.film.stem}_{name}" if name else self.film.stem


@dataclass
class Labels:
    """The labels of pictures, in COCO's layout.

    data: ``images``, ``annotations``, ``categories`` as in a COCO keypoint file, which JSON can
        hold. What it has more: ``flip_pairs`` (pairs of names) of a category; ``film`` and
        ``frame`` of an image; ``track_id``, ``score`` and ``keypoint_scores`` (K) of an
        annotation, the latter two of predictions; ``tracks`` with the tracks' ``id`` and ``name``
    folder: where the pictures lie, to which ``file_name`` is relative; None if there are none but
        frames of films
    frames: the pictures that are frames of films, by the image's id
    report: what reading (and writing) kept, changed and dropped
    computed: how many ``bbox`` and ``area`` reading had to compute
    """

    data: dict[str, Any]
    folder: Path | None
    frames: dict[int | str, FilmFrame] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    computed: Counter[str] = field(default_factory=Counter)

    def path(self, image: dict[str, Any]) -> Path:
        """Return where an image's picture lies, or should."""
        return (self.folder or Path()) / image["file_name"]

    def categories(self) -> dict[Any, dict[str, Any]]:
        """Return the categories that have keypoints, by id."""
        return {entry["id"]: entry for entry in self.data["categories"] if entry.get("keypoints")}

    def track_names(self) -> dict[Any, str]:
        """Return the names of the tracks, by id; a track without a name is called by its id."""
        names = {a["track_id"]: str(a["track_id"]) for a in self.data["annotations"]
                 if a.get("track_id") is not None}
        return names | {t["id"]: t["name"] for t in self.data.get("tracks", ()) if t["id"] in names}

    def placed(self) -> Labels:
        """Return the labels with the folder that all pictures have in common."""
        paths = {image["id"]: self.path(image).absolute() for image in self.data["images"]
                 if image["id"] not in self.frames}
        if not paths:
            return self
        folder = Path(os.path.commonpath([path.parent for path in paths.values()]))
        images = [{**image, "file_name": paths[image["id"]].relative_to(folder).as_posix()}
                  if image["id"] in paths else image for image in self.data["images"]]
        return replace(self, data={**self.data, "images": images}, folder=folder)


def points_of(annotation: dict[str, Any]) -> np.ndarray:
    """Return the (K, 3) float64 x, y, visibility of an annotation; NaN where not labelled."""
    points = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
    points[points[:, 2] <= 0] = np.nan, np.nan, 0
    return points


def is_predicted(annotation: dict[str, Any]) -> bool:
    """Return whether an annotation is a prediction: it has a score."""
    return annotation.get("score") is not None


def names_in_skeleton(category: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of names that a category's skeleton joins."""
    names = category["keypoints"]
    for a, b in category.get("skeleton") or ():
        yield names[a - 1], names[b - 1]


def checked_pairs(value: Any, where: str) -> list[list[str]]:
    """Return a list of pairs of names, none for what is missing; raises DataError for all else."""
    if value in (None, [], ()):
        return []
    if not isinstance(value, (list, tuple)) or not all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value):
        raise DataError(f"{where} is {shown(value)}; it must be a list of pairs")
    return [[str(a), str(b)] for a, b in value]


def box_around(points: np.ndarray, size: tuple[int, int]) -> list[float]:
    """Return the box x, y, w, h of (N, 2) labelled keypoints; see BOX_MARGIN.

    size: (W, H) of the picture, inside which it lies
    """
    low, high = points.min(axis=0), points.max(axis=0)
    margin = max(BOX_MARGIN * (high - low).max(), _LEAST_MARGIN * max(size))
    low = np.clip(low - margin, 0, size)
    high = np.clip(high + margin, 0, size)
    return [round(float(v), 3) for v in (*low, *(high - low))]


class LabelsBuilder:
    """Puts labels together, checks their numbers, and counts what it has to compute.

    source: the file that is read, for messages
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.report = Report()
        self.data: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
        self.frames: dict[int | str, FilmFrame] = {}
        self._numbers: dict[FilmFrame | str, int] = {}
        self.computed: Counter[str] = Counter()

    def category(self, name: str, keypoints: Sequence[str],
                 skeleton: Sequence[Sequence[str]] = (),
                 flip_pairs: Sequence[Sequence[str]] = ()) -> int:
        """Add a category whose skeleton and flip pairs are pairs of names; return its id.

        Raises DataError for a name that stands there twice, and for pairs with unknown names.
        """
        names = [str(keypoint) for keypoint in keypoints]
        if len(set(names)) != len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise DataError(f"{self.source}: '{name}' has two keypoints {twice!r}")
        pairs = [[str(a), str(b)] for a, b in (*skeleton, *flip_pairs)]
        for other in (n for pair in pairs for n in pair):
            if other not in names:
                raise DataError(f"{self.source}: the skeleton of '{name}' names {other!r}, which "
                                f"is none of its keypoints ({', '.join(names)})")
        number = len(self.data["categories"]) + 1
        self.data["categories"].append({
            "id": number, "name": name, "keypoints": names,
            "skeleton": [[names.index(str(n)) + 1 for n in pair] for pair in skeleton],
            "flip_pairs": [[str(n) for n in pair] for pair in flip_pairs]})
        return number

    def image(self, path: str | Path, size: tuple[int, int], frame: FilmFrame | None = None,
              **more: Any) -> int:
        """Add a picture of a size (W, H), or a frame of a film; return its id.

        Raises DataError for one that was added before.
        """
        number = len(self.data["images"]) + 1
        if self._numbers.setdefault(frame or str(path), number) != number:
            what = f"frame {frame.number} of {frame.film}" if frame else path
            raise DataError(f"{self.source}: {what} is labelled in two places; put all that is "
                            "labelled in it into one")
        if frame:
            self.frames[number] = frame
            more = {"film": str(frame.film), "frame": frame.number, **more}
            path = f"{frame.series}_{frame.number:06d}.png"
        self.data["images"].append({"id": number, "file_name": str(path), "width": size[0],
                                    "height": size[1], **more})
        return number

    def annotate(self, image: int, category: int, points: np.ndarray,
                 box: Sequence[float] | None = None, track: int | None = None,
                 score: float | None = None, scores: Sequence[float] | None = None) -> None:
        """Add a creature.

        points: (K, 3) x, y in pixels, visibility 0 to 2; x NaN or visibility 0: not labelled
        box: x, y, w, h; score, scores: of a prediction, and of its K keypoints

        Raises DataError that names picture, keypoint and value for what lies nowhere near, and for
        a box that is none.
        """
        picture = self.data["images"][image - 1]
        size = picture["width"], picture["height"]
        points = np.array(points, np.float64)
        labelled = (points[:, 2] > 0) & ~np.isnan(points[:, :2]).any(axis=1)
        names = self.data["categories"][category - 1]["keypoints"]
        self._check(points, labelled, size, picture["file_name"], names)
        points[~labelled] = 0
        if not labelled.any():
            self.report.add("dropped", "creatures without a labelled keypoint",
                            first=picture["file_name"])
            return
        if box is None:
            box = box_around(points[labelled, :2], size)
            self.computed["bbox"] += 1
        elif not are_numbers(list(box), 4, farthest(size)) or min(box[2:]) < 0:
            raise DataError(f"{self.source}: picture {picture['file_name']} ({size[0]}x{size[1]}): "
                            f"a box is {shown(list(box))}; it must be x, y, width, height, near "
                            "the picture")
        self.computed["area"] += 1
        more = {"track_id": track, "score": score, "keypoint_scores": scores}
        self.data["annotations"].append({
            "id": len(self.data["annotations"]) + 1, "image_id": image, "category_id": category,
            "keypoints": [int(v) if i % 3 == 2 else v
                          for i, v in enumerate(points.reshape(-1).tolist())],
            "num_keypoints": int(labelled.sum()), "iscrowd": 0,
            "bbox": [float(v) for v in box], "area": round(BOX_SHARE * box[2] * box[3], 3),
            **{key: value for key, value in more.items() if value is not None}})

    def labels(self) -> Labels:
        """Return what was put together, with its numbers in the report.

        Raises DataError where no keypoints are known.
        """
        if not self.data["categories"]:
            raise DataError(f"{self.source}: nobody is labelled with keypoints in it, and it does "
                            "not list any, so there is nothing to read")
        count_content(self.data, self.report)
        return Labels(self.data, None, self.frames, self.report, self.computed).placed()

    def _check(self, points: np.ndarray, labelled: np.ndarray, size: tuple[int, int], picture: str,
               names: Sequence[str]) -> None:
        for k in np.flatnonzero(labelled):
            x, y = points[k, :2].tolist()
            if not max(abs(x), abs(y)) <= farthest(size):
                raise DataError(
                    f"{self.source}: picture {picture}: keypoint {names[k]!r} lies at {x:g}, "
                    f"{y:g}, more than {FARTHEST} times the sides of the picture "
                    f"({size[0]}x{size[1]}) away; is it of another picture, or of another size?")
        out = labelled & ((points[:, :2] < 0) | (points[:, :2] > size)).any(axis=1)
        self.report.add("kept", "keypoints outside of their picture", int(out.sum()), picture)


def count_content(data: dict[str, Any], report: Report) -> None:
    """Count pictures, creatures and their properties as kept."""
    people = data["annotations"]
    with_people = {a["image_id"] for a in people}
    values = [v for a in people for v in (a.get("keypoints") or ())[2::3]]
    for text, number in {
        "pictures": len(data["images"]),
        "pictures in which nobody is labelled":
            sum(image["id"] not in with_people for image in data["images"]),
        "creatures": len(people),
        "predicted creatures, with scores": sum(map(is_predicted, people)),
        "keypoints": sum(v > 0 for v in values),
        "hidden keypoints": sum(0 < v <= 1 for v in values),
        "tracks": len({a["track_id"] for a in people if a.get("track_id") is not None}),
    }.items():
        report.add("kept", text, number)
