"""Tables of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aepose.tables import format_table


@dataclass(frozen=True)
class Scores:
    """The numbers of one metric.

    metrics: name -> value; -1 says that there was nobody to find
    columns: the names that its table shows, in order
    """

    metrics: dict[str, float]
    columns: tuple[str, ...]


def format_scores(rows: Mapping[str, Scores]) -> str:
    """Return an aligned Markdown table: one row per name, three decimals.

    The columns are those of the first row. A number that is -1 or absent shows as ``-``.

    >>> print(format_scores({"toy": Scores({"AP": 0.5}, ("AP", "AP(L)"))}).splitlines()[-1])
    | toy | 0.500 |     - |
    """
    columns = next(iter(rows.values())).columns
    return format_table(["", *columns], [
        [row, *(_cell(scores.metrics.get(column)) for column in columns)]
        for row, scores in rows.items()])


def _cell(value: float | None) -> str:
    # The evaluator's -1 says that there was nobody to find (no large person, for instance).
    return "-" if value is None or value == -1 else f"{value:.3f}"
