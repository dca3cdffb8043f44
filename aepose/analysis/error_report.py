"""Tables, plots and numbers of the errors in a file of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aepose.analysis.diagnosis import CROWDING, KINDS, Diagnosis, diagnose
from aepose.drawing import write_image
from aepose.errors import ConfigError, DataError
from aepose.evaluation import load_records
from aepose.experiment import Experiment, coco_metrics
from aepose.files import write_json, write_text
from aepose.metainfo import Metainfo
from aepose.tables import format_table
from aepose.visualization.bars import draw_bars

COLORS = {"good": (76, 159, 112), "jitter": (240, 200, 80), "inversion": (222, 130, 60),
          "swap": (190, 60, 70), "miss": (110, 110, 120)}
_PEOPLE = ("found", "missed", "duplicates", "background")


def analyze(
    experiment: Experiment, ann_file: str | Path, results: str | Path,
    max_detections: int | None = None,
) -> tuple[Diagnosis, Metainfo]:
    """Return the errors in a result file, and what keypoints it has.

    max_detections: instead of the config's

    Raises DataError for files that cannot be used and for one without annotations, ConfigError for
    keypoints of several classes.
    """
    metric = coco_metrics(experiment, ann_file, max_detections)[0]
    if len(metric.metainfo.classes) > 1:
        names = ", ".join(one.name for one in metric.metainfo.classes)
        raise ConfigError(f"metainfo '{metric.metainfo.name}' has several classes ({names}), whose "
                          "errors are not told apart yet; analyse one, with its own metainfo, its "
                          "--category and its records alone")
    if not metric.ground_truth.annotated:
        raise DataError(f"{ann_file} has no annotations to compare with")
    return diagnose(metric, load_records(results, metric)), metric.metainfo


def format_diagnosis(found: Diagnosis, metainfo: Metainfo) -> str:
    """Return three Markdown tables: by keypoint, by crowding, and people by crowding.

    Shares are in percent of the labelled keypoints of the people that were found.
    """
    by_keypoint = _shares(metainfo.keypoint_names, found.keypoints.sum(axis=0))
    by_crowding = _shares(CROWDING, found.keypoints.sum(axis=1))
    people = [[name, *(str(getattr(found, key)[level]) for key in _PEOPLE)]
              for level, name in enumerate(CROWDING)]
    people.append(["all", *(str(getattr(found, key).sum()) for key in _PEOPLE)])
    header = [*(f"{kind} %" for kind in KINDS), "keypoints"]
    return "\n\n".join([format_table(["keypoint", *header], by_keypoint),
                        format_table(["crowding", *header], by_crowding),
                        format_table(["crowding", *_PEOPLE], people)])


def as_json(found: Diagnosis, metainfo: Metainfo) -> dict[str, Any]:
    """Return all counts by crowding, keypoint and kind, as plain values."""
    return {
        level: {
            **{key: int(getattr(found, key)[index]) for key in _PEOPLE},
            "keypoints": {name: dict(zip(KINDS, map(int, counts), strict=True))
                          for name, counts in zip(metainfo.keypoint_names, found.keypoints[index],
                                                  strict=True)}}
        for index, level in enumerate(CROWDING)}


def write_analysis(folder: Path, found: Diagnosis, metainfo: Metainfo) -> None:
    """Write errors.md, errors.json, and errors.png with a bar per keypoint and crowding."""
    write_text(folder / "errors.md", format_diagnosis(found, metainfo) + "\n")
    write_json(folder / "errors.json", as_json(found, metainfo))
    write_image(folder / "errors.png", draw_diagnosis(found, metainfo))


def draw_diagnosis(found: Diagnosis, metainfo: Metainfo) -> np.ndarray:
    """Return the plot (H, W, 3) uint8 RGB; the numbers behind the bars are keypoints."""
    panels = [_panel("by keypoint", metainfo.keypoint_names, found.keypoints.sum(axis=0)),
              _panel("by crowding (people whose boxes overlap)", CROWDING,
                     found.keypoints.sum(axis=1))]
    width = max(panel.shape[1] for panel in panels)
    return np.vstack([np.pad(panel, ((0, 0), (0, width - panel.shape[1]), (0, 0)),
                             constant_values=255) for panel in panels])


def _panel(title: str, names: Iterable[str], counts: np.ndarray) -> np.ndarray:
    rows: Mapping[str, Sequence[float]] = dict(zip(names, counts.tolist(), strict=True))
    return draw_bars(title, rows, {kind: COLORS[kind] for kind in KINDS})


def _shares(names: Iterable[str], counts: np.ndarray) -> list[list[str]]:
    """Return a line per name and one for all: percent of each kind, and how many there are."""
    lines = [*zip(names, counts, strict=True), ("all", counts.sum(axis=0))]
    return [[name, *(f"{100 * value / total:.1f}" if total else "-" for value in row), str(total)]
            for name, row in lines for total in [row.sum()]]
