"""``aepose test``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import (
    Amp,
    BatchSize,
    CfgOptions,
    Checkpoint,
    Config,
    MultiScale,
    test_options,
)


@command(
    example="aepose test hrnet_w16_toy_256x256 work_dirs/toy/best.pth --out outputs/test",
    interrupted="no metrics were computed")
def run_test(
    config: Config, checkpoint: Checkpoint, /, *,
    multi_scale: MultiScale = False,
    batch_size: BatchSize = None,
    amp: Amp = False,
    out: Annotated[str | None, Parameter(
        metavar="DIR", help="also write predictions.json, metrics.json and a row of the published "
        "table there")] = None,
    show_dir: Annotated[str | None, Parameter(
        metavar="DIR", help="draw each picture's people into this folder")] = None,
    work_dir: Annotated[str | None, Parameter(
        metavar="DIR", help="folder of the log (default: work_dirs/<config>)")] = None,
    cfg_options: CfgOptions = None,
) -> None:
    """Evaluate a checkpoint on the test pictures.

    Several processes started by torchrun share the pictures; the first one reports.
    """
    from aepose.apis.evaluate import evaluate
    from aepose.engine import is_main_process
    from aepose.engine.distributed import process_group
    from aepose.experiment import Experiment
    from aepose.visualization.results import ResultDrawer

    experiment = Experiment.load(config, test_options(cfg_options, amp))
    drawer = ResultDrawer(show_dir, experiment.dataset_option("test", "exif", True)
                          ) if show_dir else None
    with process_group():
        found = evaluate(experiment, checkpoint, work_dir, multi_scale, batch_size, out, drawer)
        if not is_main_process():
            return
    if drawer:
        drawer.write_overview()
    if not found.metrics:
        print("no annotations to compare with: predictions are written, metrics are skipped")
        return
    print(found.table("multi-scale" if multi_scale else "single-scale"))
