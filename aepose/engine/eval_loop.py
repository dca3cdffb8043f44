"""The loops of validation and test, in which network and decoding overlap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Literal

from mmengine.model import is_model_wrapper
from mmengine.runner import TestLoop, ValLoop

from aepose.models import AssociativeEmbedding
from aepose.models.pipeline import Batch, find_people
from aepose.registry import LOOPS


@LOOPS.register_module()
class PoseValLoop(ValLoop):
    """A validation: the people in every picture of a set, and the metric of them.

    waited: seconds that the last run spent waiting for pictures
    """

    waited = 0.0

    def run(self) -> dict[str, float]:
        """Run it; return the metrics by name."""
        return _run(self, "val")


@LOOPS.register_module()
class PoseTestLoop(TestLoop):
    """A test: a validation whose network is not trained any more, and so made faster first."""

    waited = 0.0

    def run(self) -> dict[str, float]:
        """Run it; return the metrics by name."""
        _network(self.runner).prepare_for_test()
        return _run(self, "test")


def _network(runner: Any) -> AssociativeEmbedding:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _run(loop: ValLoop | TestLoop, stage: Literal["val", "test"]) -> dict[str, float]:
    runner = loop.runner
    runner.call_hook(f"before_{stage}")
    runner.call_hook(f"before_{stage}_epoch")
    runner.model.eval()
    batches = _announced(loop, stage)
    for index, (batch, results) in enumerate(find_people(_network(runner), batches)):
        loop.evaluator.process(data_samples=results, data_batch=batch)
        runner.call_hook(f"after_{stage}_iter", batch_idx=index, data_batch=batch, outputs=results)
    metrics = loop.evaluator.evaluate(len(loop.dataloader.dataset))
    runner.call_hook(f"after_{stage}_epoch", metrics=metrics)
    runner.call_hook(f"after_{stage}")
    return metrics


def _announced(loop: ValLoop | TestLoop, stage: str) -> Iterator[Batch]:
    """Yield the batches, tell the hooks of each, and note how long they were waited for."""
    loop.waited, start = 0.0, time.perf_counter()
    for index, batch in enumerate(loop.dataloader):
        loop.waited += time.perf_counter() - start
        loop.runner.call_hook(f"before_{stage}_iter", batch_idx=index, data_batch=batch)
        yield batch
        start = time.perf_counter()
