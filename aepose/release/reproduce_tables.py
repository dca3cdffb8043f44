"""Tables of measured models; what was measured, written into the index of the zoo."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aepose.files import write_json, write_text
from aepose.release.reproduce import Outcome
from aepose.tables import format_table
from aepose.zoo.index import datasets

_JSON, _CSV, _MARKDOWN = "reproduced.json", "reproduced.csv", "reproduced.md"
_CSV_COLUMNS = ("model", "dataset", "test", "metric", "published", "measured", "difference",
                "status")
# In this order, each group on a line of its own: how the index is kept.
_INDEX_LINES = (("name",), ("dataset", "input_size"), ("parameters", "weights", "gmacs"), ("url",))


def write_tables(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write the outcomes as Markdown, CSV and JSON; see the functions of this module."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in ((_MARKDOWN, markdown(outcomes)), (_CSV, comma_separated(outcomes))):
        write_text(folder / name, text)
    write_json(folder / _JSON, [as_json(outcome) for outcome in outcomes])


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a table per data set, in the columns of its published table.

    Each test has three lines: the published (or expected) values, the measured ones, and the
    difference. Below stand the tests that say something else: what is missing, failed, or differs.
    """
    parts = []
    for name in dict.fromkeys(outcome.row.dataset for outcome in outcomes):
        chosen = [outcome for outcome in outcomes if outcome.row.dataset == name]
        known = datasets().get(name)
        columns = known.columns if known else _columns(chosen)
        title = f"## {known.title if known else name}\n\n" if name else ""
        parts.append(title + _table(chosen, columns) + "\n")
    notes = [f"- **{o.row.name}, {o.scales}** {o.status}: {o.message}"
             for o in outcomes if o.message]
    part = any(outcome.status == "part" for outcome in outcomes)
    return "\n".join(
        parts + ["Only some of the pictures were tested: these numbers prove nothing.\n"] * part
        + (["\n".join(notes) + "\n"] if notes else []))


def _columns(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for outcome in outcomes for name in outcome.published))


def _table(outcomes: Sequence[Outcome], columns: Sequence[str]) -> str:
    lines = []
    for outcome in outcomes:
        kinds = [("published" if outcome.row.binding else "expected", outcome.published, "{:.3f}")]
        if outcome.measured:
            kinds += [("measured", outcome.measured, "{:.3f}"),
                      ("difference", outcome.differences, "{:+.3f}")]
        else:
            kinds.append((outcome.status, {}, ""))
        for number, (kind, values, form) in enumerate(kinds):
            first = [outcome.row.name, outcome.scales] if number == 0 else ["", ""]
            lines.append([*first, kind,
                          *(form.format(values[c]) if c in values else "" for c in columns)])
    return format_table(["model", "test", "", *columns], lines, left=range(3))


def comma_separated(outcomes: Sequence[Outcome]) -> str:
    """Return CSV with a line per published value."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for outcome in outcomes:
        for name, value in outcome.published.items():
            writer.writerow([outcome.row.name, outcome.row.dataset, outcome.scales, name, value,
                             outcome.measured.get(name, ""), outcome.differences.get(name, ""),
                             outcome.status])
    return stream.getvalue()


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain values, with every metric that was measured."""
    return {"model": outcome.row.name, "dataset": outcome.row.dataset, "test": outcome.scales,
            "status": outcome.status, "message": outcome.message,
            "published": dict(outcome.published), "measured": dict(outcome.measured),
            "difference": outcome.differences}


def write_measured(outcomes: Sequence[Outcome], index: Path) -> int:
    """Write the measured values of whole tests into the index of the zoo; return how many tests.

    Only the published metrics are written, with three decimals. ``aepose zoo docs`` then
    shows them.
    """
    text = index.read_text(encoding="utf-8")
    models = {model["name"]: model for model in json.loads(text)["models"]}
    whole = [o for o in outcomes if o.status in ("agrees", "differs") and o.row.name in models]
    for outcome in whole:
        models[outcome.row.name].setdefault("measured", {})[outcome.scales] = {
            name: round(outcome.measured[name], 3) for name in outcome.published}
    write_text(index, with_models(text, list(models.values())))
    return len(whole)


def with_models(text: str, models: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of an index with other models in it, laid out as it is kept."""
    head, _, rest = text.partition('"models": [\n')
    _, _, tail = rest.partition("\n  ],\n")
    return f'{head}"models": [\n' + ",\n".join(map(_model_text, models)) + f"\n  ],\n{tail}"


def _model_text(model: Mapping[str, Any]) -> str:
    groups = [", ".join(f'"{key}": {_value(model[key])}' for key in keys if key in model)
              for keys in _INDEX_LINES]
    for key in ("published", "measured"):
        if key in model:
            rows = ",\n".join(f'        "{scales}": {_value(values)}'
                              for scales, values in model[key].items())
            groups.append(f'"{key}": {{\n{rows}\n      }}')
    return "    {\n" + ",\n".join(f"      {group}" for group in groups if group) + "\n    }"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
