"""Labels in the layout of DeepLabCut, to be trained on or corrected there."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from aepose.errors import DataError
from aepose.files import make_folder, whole_file, write_text
from aepose.labels.content import Labels, is_predicted, names_in_skeleton, points_of
from aepose.labels.deeplabcut import SLOT
from aepose.labels.pictures import copy_pictures, write_frames

_SCORER = "aepose"
_DATA = "labeled-data"


def write_deeplabcut(labels: Labels, target: Path, frames: str) -> Labels:
    """Write a csv file, or to a folder a project: config.yaml, csv files and copied pictures.

    Predictions get a likelihood; those of one film, as a csv file, its frames' numbers for rows.

    Raises DataError for labels of several classes, and for two creatures of a track in a picture.
    """
    used = {a["category_id"] for a in labels.data["annotations"]}
    categories = [c for number, c in labels.categories().items() if number in used]
    if len(categories) != 1:
        names = ", ".join(repr(c.get("name")) for c in categories) or "none with keypoints"
        raise DataError(f"{target}: DeepLabCut's files hold one class, the labels have {names}; "
                        "write one each, of annotation files that `aepose subset --category` cuts")
    category, scored = categories[0], any(
        map(is_predicted, labels.data["annotations"]))
    project = target.suffix.lower() != ".csv"
    films = {frame.film for frame in labels.frames.values()}
    numbered = (not project and scored and len(films) == 1
                and len(labels.frames) == len(labels.data["images"]))
    if labels.frames and not numbered:
        labels = write_frames(labels, target.with_name(f"{target.stem}_frames"), frames)
    people, individuals = _individuals(labels, target)
    head = _head(category, individuals, scored)
    width = len(head[0]) - 1
    rows: dict[str, list[list[Any]]] = defaultdict(list)
    places = {}
    for image in labels.data["images"]:
        folder, name = _place(labels, image)
        places[image["id"]] = target / _DATA / folder / name
        row = str(image["frame"]) if numbered else f"{_DATA}/{folder}/{name}"
        values = [v for who in individuals for v in _values(
            people[image["id"]].get(who), category, scored)]
        rows[folder if project else ""].append([row, *(values or [""] * width)])
    if len(set(places.values())) != len(places):
        raise DataError(f"{target}: two pictures would have the same name in {_DATA}; rename one")
    if not project:
        make_folder(target.parent)
        _write_csv(target, head + rows[""])
        return labels
    make_folder(target)
    write_text(target / "config.yaml", _config(category, individuals, labels, scored))
    copy_pictures(labels, places)
    for folder, lines in rows.items():
        _write_csv(target / _DATA / folder / f"CollectedData_{_SCORER}.csv", head + lines)
    return labels


def _individuals(labels: Labels,
                 target: Path) -> tuple[dict[Any, dict[str, dict[str, Any]]], list[str]]:
    """Return image id -> individual -> annotation, and all individuals: tracks, then places."""
    names, people = labels.track_names(), defaultdict(dict)
    found: dict[str, None] = dict.fromkeys(names.values())
    for annotation in labels.data["annotations"]:
        here = people[annotation["image_id"]]
        name = names.get(annotation.get("track_id"))
        if name is None:
            number = 1
            while f"{SLOT}{number}" in here:
                number += 1
            name = f"{SLOT}{number}"
        if name in here:
            raise DataError(f"{target}: image {annotation['image_id']} has two creatures of the "
                            f"track {name!r}; DeepLabCut has one column for each")
        here[name] = annotation
        found[name] = None
    return people, list(found)


def _is_single(individuals: list[str]) -> bool:
    return individuals == [f"{SLOT}1"]


def _head(category: dict[str, Any], individuals: list[str], scored: bool) -> list[list[str]]:
    axes = ("x", "y", "likelihood") if scored else ("x", "y")
    columns = [(who, part, axis) for who in individuals for part in category["keypoints"]
               for axis in axes]
    rows = [["scorer"] + [_SCORER] * len(columns), ["individuals"] + [c[0] for c in columns],
            ["bodyparts"] + [c[1] for c in columns], ["coords"] + [c[2] for c in columns]]
    return rows[:1] + rows[2:] if _is_single(individuals) else rows


def _place(labels: Labels, image: dict[str, Any]) -> tuple[str, str]:
    """Return the folder in labeled-data, which has no folders of its own, and the file's name."""
    path = Path(image["file_name"])
    folder = "_".join(path.parent.parts) or (labels.folder or path.with_suffix("")).absolute().name
    if len(path.parent.parts) > 1:
        labels.report.add("changed", "folders in each other, as one", first=path.parent)
    return folder, path.name


def _values(annotation: dict[str, Any] | None, category: dict[str, Any],
            scored: bool) -> list[Any]:
    count = len(category["keypoints"])
    if annotation is None:
        return [""] * count * (3 if scored else 2)
    score = annotation["score"] if is_predicted(annotation) else 1.0
    scores = annotation.get("keypoint_scores") or [score] * count
    values = []
    for (x, y, v), score in zip(points_of(annotation).tolist(), scores, strict=True):
        values += [x, y] if v else ["", ""]
        if scored:
            values.append(score if v else "")
    return values


def _config(category: dict[str, Any], individuals: list[str], labels: Labels,
            scored: bool) -> str:
    """Return what DeepLabCut needs to know; the rest of its settings has defaults there."""
    single = _is_single(individuals)
    names = list(category["keypoints"])
    return yaml.safe_dump({
        "Task": str(category.get("name") or "animal"), "scorer": _SCORER,
        "multianimalproject": not single, "identity": bool(labels.track_names()),
        **({"bodyparts": names} if single else {
            "individuals": individuals, "multianimalbodyparts": names, "uniquebodyparts": [],
            "bodyparts": "MULTI!"}),
        "skeleton": [list(pair) for pair in names_in_skeleton(category)], "video_sets": {},
    }, sort_keys=False)


def _write_csv(path: Path, lines: list[list[Any]]) -> None:
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
