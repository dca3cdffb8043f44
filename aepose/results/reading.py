"""Files of results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aepose.errors import DataError
from aepose.files import json_lines
from aepose.metainfo import Metainfo
from aepose.results.result import PoseResult
from aepose.results.rows import from_rows, parse


def read_results(path: str | Path, metainfo: Metainfo | str | None = None) -> Iterator[PoseResult]:
    """Yield the results in a file of JSON lines, as ``aepose predict`` writes it, in their order.

    metainfo: the keypoint set, where it is none of aepose's own

    The file is read while results are taken, so it may be of any length. Raises DataError that
    names the file, and the line, for one that is missing or of another kind.
    """
    for picture in from_rows(_rows(path)):
        try:
            yield PoseResult(**parse(picture, metainfo))
        except DataError as error:
            raise DataError(f"{path}: picture {picture.get('image')!r}, frame "
                            f"{picture.get('frame')}: {error}") from None


def _rows(path: str | Path) -> Iterator[dict]:
    for number, _, row in json_lines(path, "results file"):
        if isinstance(row, dict) and "error" in row:
            continue
        if not isinstance(row, dict) or "person" not in row:
            raise DataError(f"{path}, line {number}: no row of a person, as 'aepose predict' "
                            "writes them")
        yield row
