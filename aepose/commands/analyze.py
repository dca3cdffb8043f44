"""``aepose analyze``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import Annotations, Category, CfgOptions, MaxDetections, Results


@command(
    example="aepose analyze annotations.json predictions.json --out outputs/errors",
    interrupted="nothing was analysed")
def analyze(
    annotations: Annotations, results: Results, /, *,
    dataset: Annotated[str, Parameter(
        metavar="NAME", help="whose keypoints: a data set or model of the zoo, or a config file"
    )] = "coco",
    out: Annotated[str | None, Parameter(
        metavar="DIR", help="write tables, numbers and a plot there")] = None,
    category: Category = None,
    max_detections: MaxDetections = None,
    cfg_options: CfgOptions = None,
) -> None:
    """Say what goes wrong in results.

    Kinds of errors are those of Ronchi and Perona (ICCV 2017): jitter, inversion (sides of one
    person exchanged), swap (keypoints of different people exchanged), miss, and background.
    """
    from aepose.analysis.error_report import analyze as find_errors
    from aepose.analysis.error_report import format_diagnosis, write_analysis
    from aepose.experiment import choose_category, experiment_of_dataset
    from aepose.files import make_folder

    experiment = choose_category(experiment_of_dataset(dataset, cfg_options or ()), category)
    folder = make_folder(out) if out else None
    found, metainfo = find_errors(experiment, annotations, results, max_detections)
    print(format_diagnosis(found, metainfo))
    if folder:
        write_analysis(folder, found, metainfo)
