"""Loops of validation and test, in which network and decoding overlap."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from mmengine.runner import TestLoop, ValLoop

from aepose.codecs.overlap import Batch, Found
from aepose.engine.distributed import unwrap
from aepose.evaluation.metric import BaseMetric
from aepose.models.pipeline import find_people
from aepose.registry import LOOPS
from aepose.runtime.network import ExportedNetwork


@LOOPS.register_module()
class PoseValLoop(ValLoop):
    """A validation: the people in every image of a set, and the metric of them.

    waited: seconds that the last run spent waiting for images
    """

    waited = 0.0

    def run(self) -> dict[str, float]:
        """Run it; return the metrics by name."""
        return _run(self, "val")

    def find_people(self, batches: Iterable[Batch]) -> Found:
        """Yield batches with what the network that is being trained finds."""
        return find_people(unwrap(self.runner.model).eval(), batches)


@LOOPS.register_module()
class PoseTestLoop(TestLoop):
    """A test: a validation by a second network, which is faster and cannot be trained.

    exported: a network from a file that is tested in place of the runner's
    """

    waited = 0.0
    exported: ExportedNetwork | None = None

    def run(self) -> dict[str, float]:
        """Run it; return the metrics by name."""
        return _run(self, "test")

    def find_people(self, batches: Iterable[Batch]) -> Found:
        """Yield batches with what a network made for tests finds; the runner's stays as it is."""
        if self.exported is not None:
            return self.exported.find_people(batches)
        return find_people(unwrap(self.runner.model).prepare_for_test(), batches)


def _run(loop: PoseValLoop | PoseTestLoop, stage: Literal["val", "test"]) -> dict[str, float]:
    runner = loop.runner
    runner.call_hook(f"before_{stage}")
    runner.call_hook(f"before_{stage}_epoch")
    # Hooks may have exchanged the weights.
    found = loop.find_people(_announced(loop, stage))
    for index, (batch, results) in enumerate(found):
        for metric in loop.evaluator.metrics:
            own = getattr(metric, "dataset", None)
            metric.process(batch, [r for r in results if own in (None, r.dataset)])
        runner.call_hook(f"after_{stage}_iter", batch_idx=index, data_batch=batch, outputs=results)
    metrics = _evaluate(loop.evaluator.metrics, loop.dataloader.dataset)
    runner.call_hook(f"after_{stage}_epoch", metrics=metrics)
    runner.call_hook(f"after_{stage}")
    return metrics


def _evaluate(metrics: Sequence[BaseMetric], dataset: Any) -> dict[str, float]:
    """Return the numbers of all metrics; each counts the pictures of its test set."""
    numbers: dict[str, float] = {}
    for metric in metrics:
        own = getattr(metric, "dataset", None)
        numbers |= metric.evaluate(dataset.count(own) if own else len(dataset))
    return numbers


def _announced(loop: PoseValLoop | PoseTestLoop, stage: str) -> Iterator[Batch]:
    """Yield the batches, tell the hooks of each, and note how long they were waited for."""
    loop.waited, start = 0.0, time.perf_counter()
    for index, batch in enumerate(loop.dataloader):
        loop.waited += time.perf_counter() - start
        loop.runner.call_hook(f"before_{stage}_iter", batch_idx=index, data_batch=batch)
        yield batch
        start = time.perf_counter()
