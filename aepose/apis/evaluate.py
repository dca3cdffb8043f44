"""Testing a checkpoint from a config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmengine.dist import is_main_process

from aepose.apis.assemble import make_runner, work_dir_of
from aepose.apis.hub import find_checkpoint
from aepose.config import Config
from aepose.engine.hooks import ForEachResultHook, write_json
from aepose.structures import PoseResult, TestTime


def evaluate(
    cfg: Config,
    checkpoint: str | Path,
    work_dir: str | Path | None = None,
    multi_scale: bool = False,
    out: str | Path | None = None,
    on_result: Callable[[PoseResult], None] | None = None,
) -> dict[str, float]:
    """Evaluate a checkpoint on the test pictures; return the metrics by name.

    checkpoint: a file, its URL, or the name of a published file
    multi_scale: use ``test_time.multi_scales``
    out: also write the predictions there, in COCO's result format
    on_result: called with each picture's result
    """
    cfg = cfg.copy()
    cfg.load_from = str(find_checkpoint(checkpoint))
    if multi_scale:
        multi_scales = TestTime(**(cfg.get("test_time") or {})).multi_scales
        cfg.merge_from_dict({"test_time.scales": multi_scales})
    hooks = [ForEachResultHook(on_result)] if on_result else []
    runner = make_runner(cfg, work_dir_of(cfg, work_dir), "test", hooks=hooks)
    metrics = runner.test()
    if out and is_main_process():
        write_json(Path(out), runner.test_evaluator.metrics[0].records)
    return metrics
