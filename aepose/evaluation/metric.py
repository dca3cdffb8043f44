"""Base class of metrics, which declare the columns of their table and the files they save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from aepose.errors import ConfigError
from aepose.evaluation.table import Scores


class PoseMetric(BaseMetric):
    """Base of metrics: numbers computed from the people found in all images of a split.

    A subclass gives ``process(data_batch, data_samples)``, which notes in ``self.results`` what it
    needs of some :class:`~aepose.results.PoseResult`, and ``compute_metrics(results)``, which
    returns numbers by name from all that was noted. Of what a config never repeats, its constructor
    is given ``metainfo``, ``ann_file`` and the data set's ``category`` if it has such parameters.

    columns: names in its table, in order; empty shows all numbers
    dataset: of several test sets, the one whose results the metric is given; None: of all
    """

    columns: tuple[str, ...] = ()
    dataset: str | None = None

    def files(self) -> dict[str, Any]:
        """Return what is saved after each evaluation: file name -> content for JSON."""
        return {}

    def facts(self) -> dict[str, Any]:
        """Return what else ``metrics.json`` of a test says about the numbers, as plain values."""
        return {}


def prepared(metrics: list[BaseMetric], key: str) -> list[BaseMetric]:
    """Return metrics that work side by side in one evaluation.

    Results of several processes travel through their group, not through a folder they share: the
    engine calls that collecting on the 'gpu', also where there is none.

    key: where the config describes them. Raises ConfigError unless each has a prefix of its own.
    """
    taken: list[str | None] = []
    for index, metric in enumerate(metrics):
        if metric.prefix in taken:
            raise ConfigError(f"{key}.{index}.prefix: {type(metric).__name__} has the prefix "
                              f"{metric.prefix!r} of another metric, so names of numbers could "
                              "clash; give it another, such as prefix='second'")
        taken.append(metric.prefix)
        metric.collect_device = "gpu"
    return metrics


def restrict(metric: BaseMetric, dataset: str | None) -> BaseMetric:
    """Make a metric one of a single set of several, whose name its numbers then bear.

    None, for the only set, leaves it as it is.
    """
    if dataset is None:
        return metric
    metric.dataset = dataset
    metric.prefix = f"{dataset}/{metric.prefix}" if metric.prefix else dataset
    return metric


def scores_of(metrics: Sequence[BaseMetric], values: dict[str, float]) -> dict[str, Scores]:
    """Return the numbers of each metric by its prefix ('' for none).

    values: of all metrics, with their prefixes, as the engine gives them
    """
    return split_scores(values, {m.prefix or "": getattr(m, "columns", ()) for m in metrics})


def split_scores(
    values: dict[str, float], columns: dict[str, Sequence[str]]
) -> dict[str, Scores]:
    """Return the numbers by prefix; ``columns``: those of each prefix ('' for none).

    >>> split_scores({'coco/AP': 0.5, 'people': 3.0}, {'coco': ('AP',), '': ()})['']
    Scores(metrics={'people': 3.0}, columns=('people',))
    """
    scores = {}
    for prefix, shown in columns.items():
        own = {name.rpartition("/")[2]: value for name, value in values.items()
               if name.rpartition("/")[0] == prefix}
        scores[prefix] = Scores(own, tuple(shown) or tuple(own))
    return scores


def files_of(metrics: Sequence[BaseMetric]) -> dict[str, Any]:
    """Return what metrics save: file name -> content.

    Of equal names the later get the metric's prefix, and of several test sets all.
    """
    files: dict[str, Any] = {}
    for metric in metrics:
        for name, content in getattr(metric, "files", dict)().items():
            prefix = (metric.prefix or "").replace("/", "_")
            several = name in files or getattr(metric, "dataset", None)
            files[f"{prefix}_{name}" if several else name] = content
    return files
