"""Testing a checkpoint from a config."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aepose.engine import is_main_process
from aepose.engine.distributed import first_of_machine_first
from aepose.engine.result_hooks import ForEachResultHook, StageTimer
from aepose.evaluation.report import file_facts, write_evaluation
from aepose.experiment.assemble import make_runner, work_dir_of
from aepose.experiment.config import Config
from aepose.experiment.experiment import choose_test, split_section
from aepose.files import make_folder, write_json
from aepose.structures import PoseResult
from aepose.zoo.hub import find_checkpoint


def evaluate(
    cfg: Config,
    checkpoint: str | Path,
    work_dir: str | Path | None = None,
    multi_scale: bool = False,
    batch_size: int | None = None,
    out: str | Path | None = None,
    on_result: Callable[[PoseResult], None] | None = None,
) -> dict[str, float]:
    """Evaluate a checkpoint on the test pictures; return the metrics by name.

    checkpoint: a file, its URL, or the name of a published file
    multi_scale: use ``test_time.multi_scales``
    batch_size: pictures of one size that go through the network together; None: as configured
    out: also write there what :func:`~aepose.evaluation.report.write_evaluation` writes
    on_result: called with each picture's result, in the order in which they are ready

    Without annotations, as test servers give out, there are predictions but no metrics.
    """
    start = time.perf_counter()
    cfg, described = cfg.copy(), cfg.to_dict()
    weights = first_of_machine_first(lambda: find_checkpoint(checkpoint))
    cfg.load_from = str(weights)
    work_dir = work_dir_of(cfg, work_dir)
    first_of_machine_first(lambda: _complete_annotations(cfg, work_dir))
    scales = choose_test(cfg, multi_scale, batch_size)
    folder = make_folder(out) if out else None
    timer = StageTimer()
    hooks = [timer, *([ForEachResultHook(on_result)] if on_result else [])]
    runner = make_runner(cfg, work_dir, "test", hooks=hooks)
    metrics = runner.test()
    if folder and is_main_process():
        seconds = {**timer.seconds, "all": time.perf_counter() - start}
        write_evaluation(folder, runner.test_evaluator.metrics[0], metrics,
                         "multi-scale" if multi_scale else "single-scale", {
            "scales": list(scales), "seconds": seconds,
            "checkpoint": file_facts(weights),
            "config": {"file": cfg.filename, "content": described}})
    return metrics


def _complete_annotations(cfg: Config, work_dir: Path) -> None:
    """Let the test data set read a file that lists pictures alone, as if nobody were in them."""
    key = f"{split_section(cfg, 'test', 'dataloader')}.dataset"
    described = (cfg.get(key.split(".")[0]) or {}).get("dataset") or {}
    path = Path(cfg.get("data_root", "")) / described.get("ann_file", "")
    pictures = _images_alone(path)
    if pictures is None:
        return
    completed = make_folder(work_dir) / f"{path.stem}_without_people.json"
    content = {**pictures, "annotations": []}
    # Of several processes, those that come later find it written.
    if not completed.is_file() or json.loads(completed.read_text()) != content:
        write_json(completed, content)
    cfg.merge_from_dict({f"{key}.ann_file": str(completed.resolve())})


def _images_alone(path: Path) -> dict[str, Any] | None:
    """Return the content of a file that lacks 'annotations'; None for any other.

    What is wrong with a file that cannot be read, the data set says.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        pictures = None if b'"annotations"' in content else json.loads(content)
    except (OSError, EOFError, zlib.error, ValueError):
        return None
    return pictures if isinstance(pictures, dict) and "images" in pictures else None


# Backends add the same numbers in different order.
AGREEMENT = 1e-12


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
