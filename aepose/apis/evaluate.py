"""Test a checkpoint, or a file of results."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aepose.apis.exported_network import exported_network
from aepose.engine import is_main_process
from aepose.engine.distributed import first_of_machine_first
from aepose.engine.failures import explained
from aepose.engine.result_hooks import ForEachResultHook, StageTimer
from aepose.evaluation import CocoMetric, find_backend, installed_backends, load_records
from aepose.evaluation.report import Evaluation, file_facts, write_evaluation
from aepose.experiment import Experiment, choose_test, coco_metrics
from aepose.experiment.assemble import make_runner, work_dir_of
from aepose.files import make_folder
from aepose.results import PoseResult
from aepose.runtime.files import is_exported
from aepose.zoo.hub import find_checkpoint

# Backends add the same numbers in different order.
AGREEMENT = 1e-12


def evaluate(
    experiment: Experiment,
    checkpoint: str | Path,
    work_dir: str | Path | None = None,
    multi_scale: bool = False,
    batch_size: int | None = None,
    out: str | Path | None = None,
    on_result: Callable[[PoseResult], None] | None = None,
) -> Evaluation:
    """Test a checkpoint on the test images.

    checkpoint: a file, its URL, or the name of a published file; or a file of ``aepose export``,
        whose network is tested in its place, on the CPU
    multi_scale: use ``test_time.multi_scales``
    batch_size: images of one size that go through the network together; None: as configured
    out: also write there what :func:`~aepose.evaluation.report.write_evaluation` writes
    on_result: called with each image's result, in the order in which they are ready

    Without annotations, as test servers give out, there are predictions but no metrics. Raises
    ConfigError for an exported file that does not do what the config says.
    """
    start = time.perf_counter()
    tested = choose_test(experiment, multi_scale, batch_size)
    exported = exported_network(tested, checkpoint) if is_exported(checkpoint) else None
    weights = first_of_machine_first(lambda: find_checkpoint(checkpoint)
                                     ) if exported is None else exported.path
    folder = make_folder(out) if out else None
    timer = StageTimer()
    hooks = [timer, *([ForEachResultHook(on_result)] if on_result else [])]
    logs = work_dir_of(experiment, work_dir)
    with explained(logs):
        if exported is None:
            runner = make_runner(tested, logs, "test", load_from=str(weights), hooks=hooks)
        else:
            runner = make_runner(tested.changed({"load_from": None}), logs, "test", hooks=hooks)
            runner.test_loop.exported = exported
        values = runner.test()
    metrics = runner.test_evaluator.metrics
    found = Evaluation.of(metrics, values)
    if folder and is_main_process():
        seconds = {**timer.seconds, "all": time.perf_counter() - start}
        write_evaluation(folder, metrics, found, "multi-scale" if multi_scale else "single-scale", {
            "scales": list(tested.test_time.scales), "seconds": seconds,
            "checkpoint": file_facts(weights),
            "config": {"file": experiment.file, "content": experiment.to_dict()}})
    return found


def evaluate_file(
    experiment: Experiment, ann_file: str | Path, results: str | Path, backend: str | None = None,
    max_detections: int | None = None,
) -> tuple[list[CocoMetric], Evaluation, dict[str, float]]:
    """Evaluate people who were found earlier.

    results: a file in COCO's result format; backend, max_detections: instead of the config's

    Returns the metrics, what they found, and the seconds that reading and counting took. Raises
    DataError for files that cannot be used, ConfigError for a backend that cannot and for an
    experiment without a metric that goes by such files.
    """
    start = time.perf_counter()
    metrics = coco_metrics(experiment, ann_file, max_detections)
    read, values = 0.0, {}
    for metric in metrics:
        if backend:
            metric.backend = find_backend(backend)
        began = time.perf_counter()
        records = load_records(results, metric)
        read += time.perf_counter() - began
        numbers = metric.compute_from_records(records)
        values |= {f"{metric.prefix}/{name}" if metric.prefix else name: value
                   for name, value in numbers.items()}
    total = time.perf_counter() - start
    return metrics, Evaluation.of(metrics, values), {
        "read": read, "metric": total - read, "all": total}


def cross_check(metrics: Sequence[CocoMetric]) -> dict[str, float]:
    """Return by how much each installed backend differs at most from metrics that have computed.

    All parts, all ten numbers and all OKS thresholds are compared; up to AGREEMENT is rounding.
    """
    worst = {}
    for name in installed_backends():
        differences = [0.0]
        for metric in metrics:
            other = copy.copy(metric)
            other.backend = find_backend(name)
            other.compute_from_records(metric.records)
            differences += [abs(a - b) for part in metric.parts
                            for a, b in zip(_numbers(metric, part), _numbers(other, part),
                                            strict=True)]
        worst[name] = max(differences)
    return worst


def _numbers(metric: CocoMetric, part: str) -> list[float]:
    scores = metric.parts[part]
    return [*scores.stats.values(), *scores.ap_per_oks, *scores.ar_per_oks]
