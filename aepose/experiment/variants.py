"""Experiments for a purpose: the metric of a data set, a test of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aepose.datasets.categories import parse_category
from aepose.errors import ConfigError, nearest, warn_once
from aepose.evaluation import CocoMetric
from aepose.experiment.experiment import Experiment
from aepose.zoo.index import config_files, config_path, list_models


def experiment_of_dataset(name: str, options: Sequence[str] = ()) -> Experiment:
    """Return an experiment with the keypoints and the metric of a data set of the zoo.

    name: such as 'coco'; or anything that :meth:`Experiment.load` takes
    options: as ``--cfg-options`` takes them

    Raises ConfigError for an unknown name.
    """
    models = {model.dataset: model for model in reversed(list_models())}
    if name in models:
        return Experiment.load(config_path(models[name]), options)
    if Path(name).suffix or name in config_files():
        return Experiment.load(name, options)
    raise ConfigError(f"data set '{name}' is unknown" + nearest(name, models)
                      + " (or give a config file)")


def choose_test(
    experiment: Experiment, multi_scale: bool = False, batch_size: int | None = None
) -> Experiment:
    """Return an experiment that tests otherwise.

    multi_scale: at ``test_time.multi_scales``; batch_size: so many images at a time
    """
    changes: dict[str, Any] = {}
    if multi_scale:
        changes["test_time.scales"] = list(experiment.test_time.multi_scales)
    if batch_size is not None:
        changes["test_dataloader.batch_size"] = batch_size
    return experiment.changed(changes)


def choose_category(experiment: Experiment, category: str | None) -> Experiment:
    """Return an experiment whose test counts other categories as people.

    category: an id or a name, or several with commas, of several classes with ``class=`` before
        each; None changes nothing
    """
    if category is None:
        return experiment
    return experiment.changed({"test_dataloader.dataset.category": parse_category(category)})


def coco_metrics(
    experiment: Experiment, ann_file: str | Path | None = None, max_detections: int | None = None
) -> list[CocoMetric]:
    """Return the metrics of an experiment that can go by files of results.

    max_detections: instead of the config's

    Others are left out, which a warning says. Raises ConfigError if none is left.
    """
    metrics = experiment.metrics("test", ann_file)
    chosen = [metric for metric in metrics if isinstance(metric, CocoMetric)]
    others = ", ".join(type(m).__name__ for m in metrics if not isinstance(m, CocoMetric))
    if not chosen:
        raise ConfigError(f"of files of results only a CocoMetric can be computed; the config has "
                          f"{others}")
    if others:
        warn_once(f"left out, as it needs a test and not a file of results: {others}")
    for metric in chosen if max_detections is not None else ():
        metric.max_detections = max_detections
    return chosen
