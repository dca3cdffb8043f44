"""Measure published models again: rows, their data and checkpoints, one test after the other."""

from __future__ import annotations

import json
import math
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aepose.apis.evaluate import evaluate
from aepose.datasets.annotations import load_annotations, with_images
from aepose.errors import AeposeError, CheckpointError, ConfigError, DataError, nearest
from aepose.evaluation.report import METRICS_FILE
from aepose.experiment import Experiment
from aepose.files import read_json, sha256_of, write_json
from aepose.version import __version__
from aepose.zoo.download import check_file
from aepose.zoo.hub import fetch
from aepose.zoo.index import (
    ModelEntry,
    Scales,
    config_path,
    file_name,
    fits_name,
    list_models,
    published_files,
)

TOLERANCE = 0.002
SCALES: tuple[Scales, ...] = ("single-scale", "multi-scale")
Status = Literal["agrees", "differs", "outside", "part", "missing", "failed"]
# Written when a test is done: what it was computed from. A stopped one is run anew.
_INPUTS = "inputs.json"
# A row of a file has one of them: somebody's table, or what we once measured ourselves.
_NUMBERS = ("published", "expected")
_ROW_KEYS = ("name", "config", "checkpoint", *_NUMBERS, "dataset", "tolerance")


@dataclass(frozen=True)
class Row:
    """A model whose published numbers are to be measured again.

    config: its config file; checkpoint: a file, a URL, or a published file's name
    published: 'single-scale' or 'multi-scale' -> metric -> value
    tolerance: by how much a measured value may differ
    binding: whether a larger difference is an error; it is not where seeds and processors decide
    """

    name: str
    dataset: str
    config: Path
    checkpoint: str | None
    published: Mapping[str, Mapping[str, float]] = field(hash=False)
    tolerance: float = TOLERANCE
    binding: bool = True


@dataclass(frozen=True)
class Outcome:
    """One row at one kind of scales.

    status: 'agrees' or 'differs', which is 'outside' for a row that is not binding; 'part' where
        only some pictures were tested, which proves nothing; 'missing' where data or checkpoint are
        not here; 'failed'
    measured: metric -> value; empty where there is none
    message: what to do, or what went wrong
    """

    row: Row
    scales: Scales
    status: Status
    measured: Mapping[str, float] = field(default_factory=dict, hash=False)
    message: str = ""

    @property
    def published(self) -> Mapping[str, float]:
        """Metric -> published value."""
        return self.row.published[self.scales]

    @property
    def differences(self) -> dict[str, float]:
        """Metric -> measured minus published, rounded as published values are."""
        return {name: round(round(self.measured[name], 3) - value, 3)
                for name, value in self.published.items() if name in self.measured}


@dataclass(frozen=True)
class Options:
    """How rows are run.

    out: folder of everything that is written
    data_root: folder that holds the data sets' folders, named as the configs name them
    checkpoints: folder to look for checkpoints in before downloading
    limit: test so many pictures only
    cfg_options: more changes of every config, as ``--cfg-options`` takes them
    """

    out: Path
    data_root: Path = Path("data")
    checkpoints: Path | None = None
    limit: int | None = None
    cfg_options: Sequence[str] = ()


def zoo_rows(pattern: str = "*") -> list[Row]:
    """Return the models of the zoo that fit a pattern and have published numbers.

    Raises ConfigError if there is none.
    """
    models = [model for model in list_models(pattern) if model.published]
    if not models:
        raise ConfigError(f"no model with published numbers fits '{pattern}'; "
                          "`aepose zoo list` shows all")
    return [_zoo_row(model) for model in models]


def _zoo_row(model: ModelEntry) -> Row:
    return Row(model.name, model.dataset, config_path(model), model.checkpoint, model.published)


def rows_of_file(path: Path, pattern: str = "*") -> list[Row]:
    """Return the rows of a table of one's own that fit a pattern.

    path: JSON, a list of objects with the fields of :class:`Row`, but that numbers which are not
        binding are called ``expected`` instead of ``published``; ``config`` and ``checkpoint`` are
        relative to the file, ``dataset`` and ``tolerance`` may be left out

    Raises ConfigError for a file that is not that, or has no such row.
    """
    try:
        entries = read_json(path, "file of rows")
    except DataError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path}: expected a list of objects with {', '.join(_ROW_KEYS[:3])}, "
                          "published")
    rows = [_own_row(entry, path) for entry in entries]
    names = [row.name for row in rows]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"{path}: two rows are called {twice}, and would share a folder")
    chosen = [row for row in rows if fits_name(row.name, pattern, names)]
    if not chosen:
        raise ConfigError(f"{path}: no row fits '{pattern}'"
                          + nearest(pattern, names))
    return chosen


def _own_row(entry: Mapping[str, Any], path: Path) -> Row:
    for key in entry:
        if key not in _ROW_KEYS:
            raise ConfigError(f"{path}: a row has no '{key}'" + nearest(key, _ROW_KEYS))
    for key in _ROW_KEYS[:3]:
        if key not in entry:
            raise ConfigError(f"{path}: row {entry.get('name', '?')} lacks '{key}'")
    given = [key for key in _NUMBERS if key in entry]
    if len(given) != 1:
        raise ConfigError(f"{path}: row {entry['name']}: give either 'published' or 'expected'")
    (numbers,) = given
    where = f"{path}: row {entry['name']!r}"
    for key, (suits, wanted) in _VALUES.items():
        if key in entry and not suits(entry[key]):
            raise ConfigError(f"{where}: '{key}' = {entry[key]!r}: give {wanted}")
    file = entry["checkpoint"]
    checkpoint = file if file is None or _is_elsewhere(file) else str(path.parent / file)
    return Row(entry["name"], entry.get("dataset", ""), path.parent / entry["config"], checkpoint,
               entry[numbers], entry.get("tolerance", TOLERANCE), binding=numbers == "published")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and value != ""


def _is_folder_name(value: Any) -> bool:
    """Return whether a row's results can lie in a folder of its name, and of no other."""
    return _is_text(value) and not value.startswith(".") and not set(value) & {"/", "\\"} and (
        len(value.encode()) <= 200)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and set(value) <= set(SCALES) and all(
        isinstance(part, dict) and all(map(_is_number, part.values())) for part in value.values())


_A_TABLE = (_is_table, f"an object with {' or '.join(SCALES)}, each an object of metrics and "
                       "their numbers")
# What the fields of a row of a file may be, and how to say so.
_VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_is_folder_name, "a text that can be the name of a folder, without separators"),
    "config": (_is_text, "the name of a config file"),
    "checkpoint": (lambda value: value is None or _is_text(value), "the name of a file, or null"),
    "published": _A_TABLE, "expected": _A_TABLE,
    "dataset": (lambda value: isinstance(value, str), "a text"),
    "tolerance": (lambda value: _is_number(value) and value >= 0, "a number from 0"),
}


def _is_elsewhere(checkpoint: str) -> bool:
    """Return whether a checkpoint is a URL or a published file, which can be downloaded."""
    return "://" in checkpoint or checkpoint in published_files()


def reproduce(
    rows: Sequence[Row], options: Options, scales: Sequence[Scales] = SCALES,
    report: Callable[[list[Outcome]], None] | None = None,
) -> list[Outcome]:
    """Measure rows at their published scales.

    A test that an earlier call finished with the same checkpoint, config, data and version is not
    run again. What goes wrong with one row is noted in its outcome and stops no other.

    report: called after each with all outcomes so far
    """
    outcomes: list[Outcome] = []
    for row in rows:
        for kind in scales:
            if kind in row.published:
                outcomes.append(_measure(row, kind, options))
                if report:
                    report(outcomes)
    return outcomes


def _measure(row: Row, scales: Scales, options: Options) -> Outcome:
    folder = options.out / row.name / scales
    try:
        experiment = _experiment(row, options)
        missing = _missing_data(experiment)
        if missing:
            return Outcome(row, scales, "missing", message=missing)
        try:
            checkpoint = _find_checkpoint(row, options.checkpoints)
        except CheckpointError as error:
            return Outcome(row, scales, "missing", message=str(error))
        measured = _run(experiment, checkpoint, folder, scales, options.limit)
    except AeposeError as error:
        return Outcome(row, scales, "failed", message=str(error))
    except Exception as error:  # whatever it is, the other rows can still be measured
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "error.txt").write_text(traceback.format_exc())
        return Outcome(row, scales, "failed", message=f"{type(error).__name__}: {error} (see "
                       f"{folder / 'error.txt'})")
    return _judged(row, scales, measured, options.limit is not None)


def _judged(row: Row, scales: Scales, measured: Mapping[str, float], part: bool) -> Outcome:
    outcome = Outcome(row, scales, "part" if part else "agrees", measured)
    absent = [name for name in outcome.published if name not in measured]
    if absent:
        return Outcome(row, scales, "failed", measured, "the metric of the config does not give "
                       + ", ".join(absent))
    far = {name: difference for name, difference in outcome.differences.items()
           if abs(difference) > row.tolerance + 1e-9}
    if part or not far:
        return outcome
    listed = ", ".join(f"{name} {difference:+.3f}" for name, difference in far.items())
    if row.binding:
        return Outcome(row, scales, "differs", measured,
                       f"off by more than {row.tolerance}: {listed}")
    return Outcome(row, scales, "outside", measured,
                   f"{listed}: further from what we measured than the {row.tolerance} by which "
                   "seeds and processors move these numbers; please tell us about your machine")


def _experiment(row: Row, options: Options) -> Experiment:
    experiment = Experiment.load(row.config, options.cfg_options)
    if any(option.startswith("data_root=") for option in options.cfg_options):
        return experiment
    return experiment.changed({"data_root": str(options.data_root / experiment.data_root.name)})


def _missing_data(experiment: Experiment) -> str:
    """Return what is not there and where it belongs; nothing if all is there."""
    annotations, images = experiment.annotation_path("test"), experiment.image_folder("test")
    lacking = [f"the annotation file at {annotations}"] * (not os.path.isfile(annotations))
    lacking += [f"the pictures in {images}/"] * (not os.path.isdir(images))
    return (f"data of '{experiment.metainfo.name}' is missing: put {' and '.join(lacking)}, or "
            "name another folder with --data-root") if lacking else ""


def _find_checkpoint(row: Row, folder: Path | None) -> Path:
    """Return a local file of a row's weights.

    Raises CheckpointError that says where to put it.
    """
    if row.checkpoint is None:
        raise CheckpointError(f"nobody published weights for {row.name}")
    name = file_name(row.checkpoint)
    for path in (Path(row.checkpoint), folder / name if folder else None):
        if path and os.path.isfile(path):
            check_file(path)
            return path
    where = f"{folder / name}" if folder else f"DIR/{name} and give --checkpoints DIR"
    if not _is_elsewhere(row.checkpoint):
        raise CheckpointError(f"checkpoint {row.checkpoint} is missing: put it there, or at "
                              f"{where}")
    try:
        return fetch(row.checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f"{error} To test your own copy, put it at {where}") from None


def _run(
    experiment: Experiment, checkpoint: Path, folder: Path, scales: Scales, limit: int | None
) -> dict[str, float]:
    """Return what a test measured, now or earlier."""
    annotations = experiment.annotation_path("test")
    inputs = json.loads(json.dumps({
        "aepose": __version__, "checkpoint": sha256_of(checkpoint), "limit": limit,
        "annotations": sha256_of(annotations), "config": experiment.to_dict()}))
    note = folder / _INPUTS
    if not (note.is_file() and json.loads(note.read_text()) == inputs):
        note.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        if limit is not None:
            category = experiment.dataset_option("test", "category")
            data = load_annotations(annotations, experiment.metainfo, category, images_alone=True)
            part = folder / f"first_{limit}.json"
            write_json(part, with_images(data, data["images"][:limit]))
            experiment = experiment.changed(
                {"test_dataloader.dataset.ann_file": str(part.resolve())})
        evaluate(experiment, checkpoint, folder, scales == "multi-scale", out=folder)
        write_json(note, inputs)
    return json.loads((folder / METRICS_FILE).read_text())["metrics"]
