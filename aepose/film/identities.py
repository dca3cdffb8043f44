"""Mending a mistake of tracking: two people of a results file change identities from a frame on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aepose.errors import DataError
from aepose.files import json_lines, regular_file, whole_file

_FILE = "results file of a film"


def swap_identities(path: str | Path, first: int, second: int, from_frame: int,
                    out: str | Path | None = None) -> int:
    """Exchange two identities from a frame on, and return how many rows that changed.

    path: a results file, JSON lines with ``frame`` and ``identity`` in each row
    out: where to write; None: in the place of ``path``, which stays until the new file is whole

    Rows keep their order and whatever else they hold; rows that are not changed keep every byte.
    It goes by one row at a time, so a file of any length is mended.

    Raises DataError that names the file for one that is missing or no such file (with the line),
    for equal identities, and for one that does not occur from that frame on; OutputError if it
    cannot be written.
    """
    if first == second:
        raise DataError(f"identities {first} and {second} are the same; give two different ones")
    path = regular_file(path, what=_FILE)
    other = {first: second, second: first}
    changed = dict.fromkeys(other, 0)
    last = -1
    with whole_file(Path(out or path)) as part, part.open("wb") as file:
        for line, row in _rows(path):
            frame, identity = row.get("frame", -1), row.get("identity")
            last = max(last, frame)
            if identity in other and frame >= from_frame:
                changed[identity] += 1
                row["identity"] = other[identity]
                line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
            file.write(line)
        missing = [identity for identity, rows in changed.items() if not rows]
        if missing:
            raise DataError(f"{path}: identity {missing[0]} does not occur from frame {from_frame} "
                            f"on; the last frame is {last}")
    return sum(changed.values())


def _rows(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield each line as stored and what it says."""
    for number, line, row in json_lines(path, _FILE):
        if not (isinstance(row, dict) and _is_row(row)):
            raise DataError(f"{path}, line {number}: no row of a film; it has 'frame', a whole "
                            "number, and 'identity', a whole number or null")
        yield line, row


def _is_row(row: dict[str, Any]) -> bool:
    """Return whether this is a person of a frame, a frame without any, or one not read."""
    if "error" in row:
        return True
    return type(row.get("frame")) is int and (
        type(row["identity"]) in (int, type(None)) if "identity" in row
        else row.get("person", 0) is None)
