"""What an evaluation leaves behind as files, and metrics from such files alone."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from aepose.evaluation import CocoMetric, format_metrics
from aepose.files import sha256_of, write_json
from aepose.version import __version__

PREDICTIONS, METRICS_FILE, TABLE = "predictions.json", "metrics.json", "table.md"
def plain_names(metrics: dict[str, float]) -> dict[str, float]:
    """Return metrics without the prefix that the engine puts in front of names.

    >>> plain_names({'coco/AP': 0.5})
    {'AP': 0.5}
    """
    return {name.rsplit("/", 1)[-1]: value for name, value in metrics.items()}


def write_evaluation(
    folder: Path, metric: CocoMetric, metrics: dict[str, float], row: str, facts: dict[str, Any]
) -> None:
    """Write what an evaluation found into ``folder``.

    predictions.json: the people found, in COCO's result format
    metrics.json: every number, what it was computed from, and ``facts``
    table.md: one row, named ``row``, in the columns of the published tables; not written where
        there are no metrics

    Raises OutputError if a file cannot be written.
    """
    write_json(folder / PREDICTIONS, metric.records)
    write_json(folder / METRICS_FILE, {
        "metrics": plain_names(metrics),
        "parts": {name: asdict(scores) for name, scores in metric.parts.items()},
        "data": {"metainfo": metric.metainfo.name, "annotations": str(metric.ann_file),
                 "pictures": len(metric.ground_truth.images),
                 "people_annotated": len(metric.ground_truth.people),
                 "people_found": len(metric.records)},
        "evaluator": {"metric": type(metric).__name__, "backend": metric.backend.distribution,
                      "nms": metric.nms, "oks_threshold": metric.oks_threshold},
        **facts,
        "versions": versions(),
    })
    if metrics:
        (folder / TABLE).write_text(format_metrics({row: metrics}) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the versions of what numbers depend on, and the device."""
    packages = ("torch", "mmengine", "numpy", "opencv-python")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {"aepose": __version__, "python": platform.python_version(),
            **{name: version(name) for name in packages}, "device": device}


def file_facts(path: str | Path) -> dict[str, str]:
    """Return the name and the SHA-256 of a file."""
    return {"file": str(path), "sha256": sha256_of(path)}
