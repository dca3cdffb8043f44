"""Files of many results: JSON lines, COCO, CSV, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from itertools import chain, islice
from pathlib import Path

from aepose.errors import ConfigError
from aepose.files import whole_file
from aepose.results.formats import flat_rows, needed
from aepose.results.result import PoseResult
from aepose.results.rows import row_line, to_rows

_ROW_GROUP = 10_000  # results of which the rows are written to a Parquet file together


def write_results(path: str | Path, results: Iterable[PoseResult]) -> None:
    """Write results, one after the other, in the format that the file's suffix names.

    ``.jsonl``: a row per person, see :mod:`aepose.results.rows`: nothing is lost; ``.json``: a list
    of COCO result records; ``.csv`` and ``.parquet``: a row per person, a column per number, see
    ``PoseResult.to_dataframe`` (Parquet needs pyarrow). The file appears whole or not at all.

    Raises ConfigError for another suffix and for a package that is missing, OutputError for a file
    that cannot be written.
    """
    path = Path(path)
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise ConfigError(f"results {path}: end the name in {', '.join(WRITERS)}")
    with whole_file(path) as part:
        write(part, results)


def coco_image_id(result: PoseResult) -> int | str:
    """Return the id of a result's picture: its own, the number it is called by, or its name."""
    if result.image_id != -1:
        return result.image_id
    return int(result.name) if result.name.isdecimal() else result.name


def _write_lines(path: Path, results: Iterable[PoseResult]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for result in results:
            file.writelines(map(row_line, to_rows(result)))


def _write_coco(path: Path, results: Iterable[PoseResult]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        start = "[\n"
        for result in results:
            for record in result.to_coco():
                file.write(start + json.dumps({**record, "image_id": coco_image_id(result)},
                                              allow_nan=False))
                start = ",\n"
        file.write("[]\n" if start == "[\n" else "\n]\n")


def _write_csv(path: Path, results: Iterable[PoseResult]) -> None:
    rows = chain.from_iterable(map(flat_rows, results))
    with open(path, "w", encoding="utf-8", newline="") as file:
        first = next(rows, None)
        if first is None:
            return
        table = csv.DictWriter(file, list(first), lineterminator="\n")
        table.writeheader()
        table.writerows(chain([first], rows))


def _write_parquet(path: Path, results: Iterable[PoseResult]) -> None:
    arrow, parquet = (needed(name, "a .parquet file", "pyarrow")
                      for name in ("pyarrow", "pyarrow.parquet"))
    writer = None
    try:
        given = iter(results)
        while group := list(islice(given, _ROW_GROUP)):
            rows = [row for result in group for row in flat_rows(result)]
            if not rows:
                continue
            table = arrow.Table.from_pylist(rows, writer.schema if writer else None)
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        parquet.write_table(arrow.table({}), path)


WRITERS: dict[str, Callable[[Path, Iterable[PoseResult]], None]] = {
    ".jsonl": _write_lines, ".json": _write_coco, ".csv": _write_csv, ".parquet": _write_parquet,
}
