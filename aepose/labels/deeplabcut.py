"""DeepLabCut's projects and csv files, read as they are and written in their layout."""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aepose.errors import DataError
from aepose.files import regular_file
from aepose.labels.content import FilmFrame, Labels, LabelsBuilder, checked_pairs
from aepose.labels.pictures import PictureFinder, film_size, picture_size
from aepose.labels.request import Request
from aepose.labels.yaml_files import read_yaml

_COORDINATES = ("x", "y", "likelihood")
_ROWS = ("scorer", "individuals", "bodyparts", "coords")
_FILMS = (".mp4", ".avi", ".mov", ".mkv")
SLOT = "individual"
"""What individuals that nobody follows are called, with a number: their places in a picture."""
_NOBODY = ""  # the individual of single-animal files


@dataclass(frozen=True)
class _Table:
    """A csv file: its scorers, columns (individual, bodypart) -> coordinate -> place, and rows.
    """

    path: Path
    columns: dict[str, dict[tuple[str, str], dict[str, int]]]
    rows: list[tuple[str, list[str]]]


def label_files(folder: Path) -> list[Path]:
    """Return the csv files of labels in a project's folder, not its copies of them for training."""
    name = "CollectedData*.csv"
    return sorted(folder.glob(f"labeled-data/*/{name}")) or sorted(
        file for file in folder.rglob(name) if "training-datasets" not in file.parts)


def read_deeplabcut(request: Request) -> Labels:
    """Return the labels of a project folder, its config.yaml, or one csv file.

    Pictures whose row is empty are left out: DeepLabCut does not learn from them either. What is
    labelled is visible; a likelihood makes predictions of it.

    Raises DataError that names the file, and row, bodypart or scorer, for what cannot be read.
    """
    path, config = request.path, {}
    if path.suffix.lower() in (".yaml", ".yml"):
        path = path.parent
    folder = path if path.is_dir() else path.absolute().parent
    for above in (folder, folder.parent, folder.parent.parent):
        if (above / "config.yaml").is_file():
            config = read_yaml(above / "config.yaml")
            break
    files = label_files(path) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no CollectedData_*.csv in it or its folders; DeepLabCut writes "
                        "one beside each .h5 (deeplabcut.convertcsv2h5 is the way back)")
    tables = [table for file in files if (table := _read_table(file, request.scorer))]
    _check_scorers(tables, path, request.scorer)
    builder = LabelsBuilder(path)
    categories = _categories(tables, config, builder)
    finder = PictureFinder(path, request.images, builder.report)
    followed = _followed(categories, config, builder)
    _check_rows(tables)
    for table in tables:
        _add_rows(table, categories, finder, builder, followed)
    finder.check()
    return builder.labels()


def _read_table(path: Path, scorer: str | None) -> _Table | None:
    """Read a csv file; None if it has nothing of the scorer that is meant."""
    try:
        with regular_file(path).open(encoding="utf-8", newline="") as file:
            lines = [line for line in csv.reader(file) if any(line)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as csv ({error})") from None
    head = {}
    while lines and lines[0][0].strip() in _ROWS:
        line = lines.pop(0)
        head[line[0].strip()] = line
    if set(head) - {"individuals"} != set(_ROWS) - {"individuals"}:
        raise DataError(f"{path}: no file of DeepLabCut: it begins with the rows scorer, "
                        "bodyparts, coords (and individuals after scorer), each with its name in "
                        f"the first column; there is {', '.join(head) or 'none of them'}")
    first = next((i for i, text in enumerate(head["coords"]) if text in _COORDINATES), 1)
    columns: dict[str, Any] = defaultdict(lambda: defaultdict(dict))
    width = len(head["coords"])
    for place in range(first, width):
        try:
            who, part = head["scorer"][place], head["bodyparts"][place]
            animal = head["individuals"][place] if "individuals" in head else _NOBODY
        except IndexError:
            raise DataError(f"{path}: its first rows are of different lengths; was it copied "
                            "whole?") from None
        if head["coords"][place] not in _COORDINATES:
            raise DataError(f"{path}: column {place + 1} holds {head['coords'][place]!r}; the row "
                            f"'coords' has {', '.join(_COORDINATES)}")
        columns[who][animal, part][head["coords"][place]] = place
    for line in lines:
        if len(line) != width:
            raise DataError(f"{path}: row {line[0]!r} has {len(line)} columns, the first rows have "
                            f"{width}; was it copied whole?")
    rows = [("/".join(line[:first]), line) for line in lines]
    if scorer is not None:
        columns = {who: found for who, found in columns.items() if who == scorer}
    return _Table(path, dict(columns), rows) if columns else None


def _check_scorers(tables: list[_Table], path: Path, scorer: str | None) -> None:
    """Raise DataError unless each picture is labelled by one scorer."""
    by_folder: dict[Path, set[str]] = defaultdict(set)
    for table in tables:
        by_folder[table.path.parent] |= set(table.columns)
    for folder, names in by_folder.items():
        if len(names) > 1:
            raise DataError(f"{folder}: labelled by {' and by '.join(sorted(names))}; say with "
                            "--scorer whose labels are meant")
    if not tables:
        raise DataError(f"{path}: no labels of the scorer {scorer!r}; read it without --scorer to "
                        "see whose there are")


def _check_rows(tables: list[_Table]) -> None:
    """Raise DataError for a picture that has two rows."""
    seen: dict[str, Path] = {}
    for table in tables:
        for name, _ in table.rows:
            if name in seen and ("/" in name or seen[name].parent == table.path.parent):
                raise DataError(f"{table.path}: {name} has a row in {seen[name]}, too; remove one")
            seen[name] = table.path


def _categories(tables: list[_Table], config: dict[str, Any],
                builder: LabelsBuilder) -> dict[str, tuple[int, list[str]]]:
    """Add a category for each set of bodyparts; return it and the bodyparts by individual."""
    parts: dict[str, dict[str, None]] = defaultdict(dict)
    for table in tables:
        for columns in table.columns.values():
            for animal, part in columns:
                parts[animal][part] = None
    listed = [str(p) for key in ("bodyparts", "multianimalbodyparts", "uniquebodyparts")
              if isinstance(config.get(key), list) for p in config[key]]
    limbs = checked_pairs(config.get("skeleton"), "the skeleton in config.yaml")
    known: dict[tuple[str, ...], int] = {}
    found = {}
    for animal, names in parts.items():
        new = [name for name in names if listed and name not in listed]
        if new:
            raise DataError(f"{builder.source}: bodyparts {', '.join(new)} are labelled, but "
                            "config.yaml does not list them; add them there, or mend the csv")
        order = tuple(sorted(names, key=listed.index) if listed else names)
        if order not in known:
            pairs = [pair for pair in limbs if {*pair} <= {*order}]
            name = str(config.get("Task") or "animal")
            known[order] = builder.category(name if not known else f"{name} {animal}", order, pairs)
        found[animal] = known[order], list(order)
    builder.report.add("dropped", "bodyparts that config.yaml lists and nobody labelled",
                       len(set(listed) - {n for names in parts.values() for n in names}))
    return found


def _followed(individuals: Iterable[str], config: dict[str, Any],
              builder: LabelsBuilder) -> set[str]:
    """Return the individuals that are the same throughout, which become tracks.

    Others are places in a picture: those that config.yaml does not call identities, and by their
    names those that aepose and DeepLabCut number.
    """
    named = {who for who in individuals if who != _NOBODY}
    places = {who for who in named if re.fullmatch(rf"{SLOT}\d+", who)
              or (config and not config.get("identity"))}
    builder.report.add("dropped", "individuals as identities: places in a picture, by their names "
                       "or as config.yaml does not say 'identity: true'", len(places),
                       min(places, default=""))
    return named - places


def _add_rows(table: _Table, categories: dict[str, tuple[int, list[str]]], finder: PictureFinder,
              builder: LabelsBuilder, followed: set[str]) -> None:
    columns = next(iter(table.columns.values()))
    animals = list(dict.fromkeys(animal for animal, _ in columns))
    tracks = {t["name"]: t["id"] for t in builder.data.get("tracks", ())}
    for animal in (animal for animal in animals if animal in followed):
        tracks.setdefault(animal, len(tracks) + 1)
    film, size = None, None
    if table.rows and table.rows[0][0].isdecimal():
        film = _film(table.path, finder)
        size = film_size(film)
    for name, line in table.rows:
        people = {animal: found for animal in animals if (found := _points(
            line, columns, animal, categories[animal][1], table.path, name)) is not None}
        if not people:
            builder.report.add("dropped", "pictures without a label", first=name)
            continue
        if film:
            image = builder.image("", size, FilmFrame(film, int(name)))
        else:
            beside = table.path.absolute().parent / name.replace("\\", "/").rsplit("/", 1)[-1]
            path = finder.find(name, str(beside))
            if path is None:
                continue
            image = builder.image(path, picture_size(path))
        for animal, (points, scores) in people.items():
            builder.annotate(image, categories[animal][0], points, track=tracks.get(animal),
                             score=None if scores is None else round(float(scores.mean()), 6),
                             scores=None if scores is None else scores.tolist())
    if tracks:
        builder.data["tracks"] = [{"id": n, "name": name} for name, n in tracks.items()]


def _points(line: list[str], columns: dict[tuple[str, str], dict[str, int]], animal: str,
            names: list[str], path: Path,
            row: str) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Return the (K, 3) points of an individual and K scores or None; None if it has no points."""
    values = np.full((len(names), 3), math.nan)
    scored = False
    for k, name in enumerate(names):
        for axis, place in columns.get((animal, name), {}).items():
            scored |= axis == "likelihood"
            try:
                values[k, _COORDINATES.index(axis)] = float(line[place] or "nan")
            except ValueError:
                raise DataError(f"{path}: row {row!r}: {axis} of {name!r} is {line[place]!r}; it "
                                "must be a number, or empty") from None
    half = np.isnan(values[:, 0]) != np.isnan(values[:, 1])
    if half.any():
        raise DataError(f"{path}: row {row!r}: {names[int(half.argmax())]!r} has only one of x and "
                        "y; correct it, or leave both empty")
    if np.isnan(values[:, 0]).all():
        return None
    points = np.column_stack([values[:, :2], np.where(np.isnan(values[:, 0]), 0, 2)])
    return points, np.nan_to_num(values[:, 2]) if scored else None


def _film(path: Path, finder: PictureFinder) -> Path:
    """Return the film that a csv with numbered frames belongs to: it begins with the film's name.
    """
    stem = path.stem.split("DLC_")[0].split("DeepCut")[0]
    near = [f for f in sorted(path.parent.iterdir())
            if f.suffix.lower() in _FILMS and f.stem == stem]
    return finder.film(near[0].name if near else f"{stem}.mp4", only_one=True)
