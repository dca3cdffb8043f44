"""Report of a test: its numbers, tables and files."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from aepose.evaluation.metric import BaseMetric, files_of, scores_of
from aepose.evaluation.table import Scores, format_scores
from aepose.files import sha256_of, write_json, write_text
from aepose.version import __version__

METRICS_FILE, TABLE = "metrics.json", "table.md"


@dataclass(frozen=True)
class Evaluation:
    """What the metrics of a test found.

    metrics: all numbers by name, with the prefix of their metric: ``coco/AP``; empty where the
        annotation file has no annotations to compare with
    scores: the numbers of each metric by its prefix ('' for none), and the columns of its table
    """

    metrics: dict[str, float]
    scores: dict[str, Scores]

    @classmethod
    def of(cls, metrics: Sequence[BaseMetric], values: dict[str, float]) -> Evaluation:
        """Make one of metrics that have computed, and of their ``values`` as the engine gives."""
        return cls(values, scores_of(metrics, values))

    def table(self, row: str) -> str:
        """Return a Markdown table per metric, whose only row is called ``row``."""
        return "\n\n".join(format_scores({row: scores}) for scores in self.scores.values()
                           if scores.metrics)


def write_evaluation(
    folder: Path, metrics: Sequence[BaseMetric], found: Evaluation, row: str, facts: dict[str, Any]
) -> None:
    """Write what a test found into ``folder``.

    metrics.json: every number, what it was computed from, and ``facts``; of several metrics the
        numbers have prefixes and the rest stands by prefix under ``evaluators``
    table.md: one row, named ``row``, in the columns of the metric; not written where there are no
        numbers
    what each metric saves: the people found, ``predictions.json``

    Raises OutputError if a file cannot be written.
    """
    for name, content in files_of(metrics).items():
        write_json(folder / name, content)
    known = {metric.prefix or "": getattr(metric, "facts", dict)() for metric in metrics}
    alone = len(metrics) == 1
    write_json(folder / METRICS_FILE, {
        "metrics": next(iter(found.scores.values())).metrics if alone else found.metrics,
        **(next(iter(known.values())) if alone else {"evaluators": known}),
        **facts,
        "versions": versions(),
    })
    if found.metrics:
        write_text(folder / TABLE, found.table(row) + "\n")


def versions() -> dict[str, str]:
    """Return the versions of what numbers depend on, and the device."""
    packages = ("torch", "mmengine", "numpy", "opencv-python")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {"aepose": __version__, "python": platform.python_version(),
            **{name: version(name) for name in packages}, "device": device}


def file_facts(path: str | Path) -> dict[str, str]:
    """Return the name and the SHA-256 of a file."""
    return {"file": str(path), "sha256": sha256_of(path)}
