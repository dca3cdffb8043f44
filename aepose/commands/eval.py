"""``aepose eval``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import Annotations, Category, CfgOptions, MaxDetections, Results
from aepose.errors import DataError

Backend = Literal["auto", "hotcoco", "pycocotools", "xtcoco"]


@command(
    example="aepose eval annotations.json predictions.json --dataset coco",
    interrupted="no metrics were computed")
def evaluate(
    annotations: Annotations, results: Results, /, *,
    dataset: Annotated[str, Parameter(
        metavar="NAME", help="whose keypoints and metric: coco, crowdpose, aic, mhp, "
        "coco_wholebody, a model of the zoo, or a config file")],
    out: Annotated[str | None, Parameter(
        metavar="DIR", help="also write predictions.json, metrics.json and a row of the published "
        "table there")] = None,
    backend: Annotated[Backend | None, Parameter(
        help="what counts (default: the config's)")] = None,
    cross_check: Annotated[bool, Parameter(
        help="compute with every installed backend and compare")] = False,
    category: Category = None,
    max_detections: MaxDetections = None,
    cfg_options: CfgOptions = None,
) -> None:
    """Compute metrics from files of people who were found earlier."""
    from pathlib import Path

    from aepose.apis.evaluate import AGREEMENT, evaluate_file
    from aepose.apis.evaluate import cross_check as compare
    from aepose.evaluation.report import file_facts, write_evaluation
    from aepose.experiment import choose_category, experiment_of_dataset
    from aepose.files import make_folder

    experiment = choose_category(experiment_of_dataset(dataset, cfg_options or ()), category)
    folder = make_folder(out) if out else None
    metrics, found, seconds = evaluate_file(experiment, annotations, results, backend,
                                            max_detections)
    if not found.metrics:
        raise DataError(f"{annotations} has no annotations to compare with")
    row = Path(results).stem
    print(found.table(row))
    if folder:
        write_evaluation(folder, metrics, found, row,
                         {"results": file_facts(results), "seconds": seconds})
    if cross_check:
        worst = compare(metrics)
        for name, difference in worst.items():
            print(f"{name}: differs by {difference:.1e}")
        if max(worst.values()) > AGREEMENT:
            raise DataError(f"the backends disagree by more than {AGREEMENT}")
