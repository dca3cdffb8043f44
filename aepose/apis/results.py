"""What an evaluation leaves behind as files, and metrics from such files alone."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from aepose.apis.build import split_section
from aepose.apis.download import sha256_of
from aepose.config import Config, load_config
from aepose.engine import Hook
from aepose.engine.files import write_json
from aepose.errors import ConfigError, nearest
from aepose.evaluation import CocoMetric, format_metrics, installed_backends, load_records
from aepose.metainfo import get_metainfo
from aepose.model_zoo import config_path, list_models
from aepose.registry import METRICS, build
from aepose.version import __version__

PREDICTIONS, METRICS_FILE, TABLE = "predictions.json", "metrics.json", "table.md"
# Backends add the same numbers in different order.
AGREEMENT = 1e-12


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


def metric_config(dataset: str, options: Sequence[str] = ()) -> Config:
    """Return a config whose metric and metainfo are those of a data set.

    dataset: name of a data set of the zoo, or what ``load_config`` takes
    options: as ``--cfg-options`` takes them

    Raises ConfigError for an unknown name.
    """
    models = {model.dataset: model for model in reversed(list_models())}
    if dataset in models:
        return load_config(config_path(models[dataset]), options)
    if Path(dataset).suffix or any(model.name == dataset for model in list_models()):
        return load_config(dataset, options)
    raise ConfigError(f"data set '{dataset}' is unknown" + nearest(dataset, models)
                      + " (or give a config file)")


def build_metric(cfg: Config, ann_file: str | Path, **options: Any) -> CocoMetric:
    """Build the test metric of a config for an annotation file.

    options: override those of the config, such as ``backend='xtcoco'``
    """
    key = split_section(cfg, "test", "evaluator")
    return build(METRICS, {**cfg[key], **options}, key, metainfo=get_metainfo(cfg.metainfo),
                 ann_file=ann_file)


def evaluate_file(
    ann_file: str | Path, results: str | Path, cfg: Config, backend: str | None = None
) -> tuple[CocoMetric, dict[str, float], dict[str, float]]:
    """Return the metric, its numbers by name, and the seconds that reading and counting took.

    results: a file in COCO's result format
    backend: instead of the config's

    Raises DataError for files that cannot be used, ConfigError for a backend that cannot.
    """
    start = time.perf_counter()
    metric = build_metric(cfg, ann_file, **({"backend": backend} if backend else {}))
    records = load_records(results, metric)
    read = time.perf_counter()
    metrics = metric.compute_from_records(records)
    end = time.perf_counter()
    return metric, metrics, {"read": read - start, "metric": end - read, "all": end - start}


def cross_check(metric: CocoMetric, cfg: Config) -> dict[str, float]:
    """Return by how much each installed backend differs at most from a metric that has computed.

    All parts, all ten numbers and all OKS thresholds are compared; up to AGREEMENT is rounding.
    """
    worst = {}
    for name in installed_backends():
        other = build_metric(cfg, metric.ann_file, backend=name)
        other.compute_from_records(metric.records)
        worst[name] = max((abs(a - b) for part in metric.parts
                           for a, b in zip(_numbers(metric, part), _numbers(other, part),
                                           strict=True)), default=0.0)
    return worst


def _numbers(metric: CocoMetric, part: str) -> list[float]:
    scores = metric.parts[part]
    return [*scores.stats.values(), *scores.ap_per_oks, *scores.ar_per_oks]


class StageTimer(Hook):
    """Measures what a test loop spends its time on, in seconds.

    ``load``: waiting for pictures; ``people``: network and decoding; ``metric``: from the last
    picture to the numbers
    """

    priority = "LOWEST"

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.seconds = {"load": 0.0, "people": 0.0, "metric": 0.0}
        self._start = self._last = 0.0

    def before_test_epoch(self, runner: Any) -> None:
        """Start the clock."""
        self._start = self._last = self.clock()

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Note that a batch is done."""
        self._last = self.clock()

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Note that the metric is computed."""
        waited = runner.test_loop.waited
        self.seconds = {"load": waited, "people": self._last - self._start - waited,
                        "metric": self.clock() - self._last}

