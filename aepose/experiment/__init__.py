"""Experiments: a checked config, and everything built from it."""

from aepose.experiment.experiment import Experiment, Split
from aepose.experiment.variants import (
    choose_category,
    choose_test,
    coco_metrics,
    experiment_of_dataset,
)

__all__ = ["Experiment", "Split", "choose_category", "choose_test", "coco_metrics",
           "experiment_of_dataset"]
