"""Metrics as a table for reading."""

from __future__ import annotations

COLUMNS = ("AP", "AP50", "AP75", "AR", "AR50", "AP(M)", "AP(L)", "AR(M)", "AR(L)")


def _cell(value: float | None) -> str:
    # The evaluator's -1 says that there was nobody to find (no large person, for instance).
    return "-" if value is None or value == -1 else f"{value:.3f}"


def format_metrics(rows: dict[str, dict[str, float]]) -> str:
    """Return an aligned Markdown table: one row per name, three decimals.

    rows: name of the row -> metric name -> value. A prefix in front of the metric name
        (``coco/AP``) is ignored. A metric that is -1 or absent shows as ``-``.

    >>> print(format_metrics({"toy": {"AP": 0.5}}).splitlines()[-1])
    | toy | 0.500 |    - |    - |   - |    - |     - |     - |     - |     - |
    """
    lines = [["", *COLUMNS]]
    for name, metrics in rows.items():
        plain = {key.rsplit("/", 1)[-1]: value for key, value in metrics.items()}
        lines.append([name, *(_cell(plain.get(column)) for column in COLUMNS)])
    # Three dashes are the least that every Markdown reader takes for a rule.
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(lines[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines.insert(1, rule)
    return "\n".join(_join(line, widths) for line in lines)


def _join(cells: list[str], widths: list[int]) -> str:
    padded = [cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:],
                                                                      strict=True))]
    return "| " + " | ".join(padded) + " |"
