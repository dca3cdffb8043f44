#!/usr/bin/env python3
"""Say what goes wrong in results: ``python tools/analyze_errors.py ANNOTATIONS RESULTS``.

Kinds of errors are those of Ronchi and Perona (ICCV 2017): jitter, inversion (sides of one person
exchanged), swap (keypoints of different people exchanged), miss, and background.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import aepose.startup  # noqa: F401  before what takes long
from aepose.analysis.error_report import analyze, format_diagnosis, write_analysis
from aepose.cli import add_options_argument, run_tool
from aepose.experiment import choose_category, experiment_of_dataset
from aepose.files import make_folder


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments, analyse, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", help="COCO-format annotation file")
    parser.add_argument("results", help="file of the people found, in COCO's result format")
    parser.add_argument("--dataset", default="coco", metavar="NAME",
                        help="whose keypoints: a data set or model of the zoo, or a config file "
                        "(default: coco)")
    parser.add_argument("--out", metavar="DIR", help="write tables, numbers and a plot there")
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
    found, metainfo = analyze(experiment, options.annotations, options.results,
                              options.max_detections)
    print(format_diagnosis(found, metainfo))
    if folder:
        write_analysis(folder, found, metainfo)


if __name__ == "__main__":
    run_tool(main, interrupted="nothing was analysed")
