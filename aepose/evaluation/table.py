"""Metrics as a table for reading."""

from __future__ import annotations

from collections.abc import Iterable

from aepose.tables import format_table

# The columns of the published tables. The first kind that has a column of its own among the
# metrics is shown, or else the last.
_CROWD = ("AP", "AP50", "AP75", "AP(E)", "AP(M)", "AP(H)", "AR", "AR50")
_WHOLE_BODY = tuple(f"{part} {name}" for part in ("body", "foot", "face", "hand", "wholebody")
                    for name in ("AP", "AR"))
_COCO = ("AP", "AP50", "AP75", "AR", "AR50", "AP(M)", "AP(L)", "AR(M)", "AR(L)")
_KINDS = (("AP(E)", _CROWD), ("wholebody AP", _WHOLE_BODY))


def _columns(names: Iterable[str]) -> tuple[str, ...]:
    found = set(names)
    return next((columns for mark, columns in _KINDS if mark in found), _COCO)


def _cell(value: float | None) -> str:
    # The evaluator's -1 says that there was nobody to find (no large person, for instance).
    return "-" if value is None or value == -1 else f"{value:.3f}"


def format_metrics(rows: dict[str, dict[str, float]]) -> str:
    """Return an aligned Markdown table: one row per name, three decimals.

    rows: name of the row -> metric name -> value. A prefix in front of the metric name
        (``coco/AP``) is ignored. A metric that is -1 or absent shows as ``-``.

    The columns are those of the published tables: COCO's, or CrowdPose's or COCO-WholeBody's where
    a row has such metrics.

    >>> print(format_metrics({"toy": {"AP": 0.5}}).splitlines()[-1])
    | toy | 0.500 |    - |    - |   - |    - |     - |     - |     - |     - |
    """
    plain = {row: {key.rsplit("/", 1)[-1]: value for key, value in metrics.items()}
             for row, metrics in rows.items()}
    columns = _columns(name for metrics in plain.values() for name in metrics)
    return format_table(["", *columns], [
        [row, *(_cell(metrics.get(column)) for column in columns)]
        for row, metrics in plain.items()])
