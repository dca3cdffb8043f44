#!/usr/bin/env python3
"""Compute metrics from files: ``python tools/eval_results.py ANNOTATIONS RESULTS --dataset coco``.

RESULTS is a file in COCO's result format, such as the predictions.json of ``tools/test.py --out``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import aepose.startup  # noqa: F401  before what takes long
from aepose.apis.evaluate import AGREEMENT, cross_check, evaluate_file
from aepose.cli import add_options_argument, run_tool
from aepose.errors import DataError
from aepose.evaluation import BACKENDS
from aepose.evaluation.report import file_facts, write_evaluation
from aepose.experiment import choose_category, experiment_of_dataset
from aepose.files import make_folder


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments, evaluate, and print the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", help="COCO-format annotation file")
    parser.add_argument("results", help="file of the people found")
    parser.add_argument("--dataset", required=True, metavar="NAME",
                        help="whose keypoints and metric: coco, crowdpose, aic, mhp, "
                        "coco_wholebody, a model of the zoo, or a config file")
    parser.add_argument("--out", metavar="DIR", help="also write predictions.json, metrics.json "
                        "and a row of the published table there")
    parser.add_argument("--backend", choices=BACKENDS, help="what counts (default: the config's)")
    parser.add_argument("--cross-check", action="store_true",
                        help="compute with every installed backend and compare")
    parser.add_argument("--category", help="id or name of the category that is meant, where the "
                        "annotations leave a choice; several with commas")
    parser.add_argument("--max-detections", type=int, metavar="N", help="people per picture that "
                        "count, those with the highest scores (default: the config's, officially "
                        "20)")
    add_options_argument(parser)
    options = parser.parse_args(args)
    experiment = choose_category(
        experiment_of_dataset(options.dataset, options.cfg_options), options.category)
    folder = make_folder(options.out) if options.out else None
    metrics, found, seconds = evaluate_file(experiment, options.annotations, options.results,
                                            options.backend, options.max_detections)
    if not found.metrics:
        raise DataError(f"{options.annotations} has no annotations to compare with")
    row = Path(options.results).stem
    print(found.table(row))
    if folder:
        write_evaluation(folder, metrics, found, row,
                         {"results": file_facts(options.results), "seconds": seconds})
    if options.cross_check:
        worst = cross_check(metrics)
        for name, difference in worst.items():
            print(f"{name}: differs by {difference:.1e}")
        if max(worst.values()) > AGREEMENT:
            raise DataError(f"the backends disagree by more than {AGREEMENT}")


if __name__ == "__main__":
    run_tool(main, interrupted="no metrics were computed")
