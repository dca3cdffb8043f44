"""Results of many pictures in part files, so that a run can be stopped, repeated and shared out.

The pictures of a run are cut into blocks of one size. The results of a block are written to a part
file of their own, whole or not at all, and a block that has one is not looked at again. So the same
command, given again, does what is missing; several commands, each with a share of the blocks, do
the same as one; and the joined file has the same bytes, whoever wrote its parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from aepose.apis.sources import Picture
from aepose.errors import DataError
from aepose.files import make_folder, read_json, write_json, write_text
from aepose.metainfo import Metainfo
from aepose.results import PoseResult, read_results
from aepose.results.rows import row_line, to_rows

BLOCK = 50  # pictures
_RECIPE = "recipe.json"


@dataclass(frozen=True)
class Shard:
    """The blocks that one of several commands does: every ``of``-th, beginning with ``index``.

    index: from 1
    """

    index: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read '2/8', the second of eight; raises DataError for another text."""
        index, slash, of = text.partition("/")
        if not (slash and index.isdecimal() and of.isdecimal() and 1 <= int(index) <= int(of)):
            raise DataError(f"shard {text!r}: write I/N, such as 2/8, the second of eight")
        return cls(int(index), int(of))

    def has(self, block: int) -> bool:
        """Return whether a block, counted from 0, is in this share."""
        return block % self.of == self.index - 1


class Parts:
    """The part files of a run, in a folder of their own.

    recipe: what the results depend on, as plain values; parts of another recipe are refused

    Raises DataError if the folder holds parts of another run, OutputError if it cannot be written.
    """

    def __init__(self, folder: Path, recipe: Mapping[str, Any]) -> None:
        self.folder = make_folder(folder)
        recipe = json.loads(json.dumps(recipe))
        path = self.folder / _RECIPE
        if path.exists():
            _compare(read_json(path), recipe, self.folder)
        else:
            write_json(path, recipe)

    def __contains__(self, block: int) -> bool:
        return self._file(block).exists()

    def write(self, block: int, results: Iterable[PoseResult], failures: Iterable[str]) -> None:
        """Write the results of a block, and what was wrong with its other pictures.

        ``failures`` is read after ``results``, which may fill it.
        """
        lines = [row_line(row) for result in results for row in to_rows(result)]
        lines += [row_line({"error": text}) for text in failures]
        write_text(self._file(block), "".join(lines))

    def read(self, block: int, metainfo: Metainfo) -> Iterator[PoseResult]:
        """Yield the results of a block, in order."""
        return read_results(self._file(block), metainfo)

    def failures(self, block: int) -> list[str]:
        """Return what was wrong with the pictures of a block that have no result."""
        lines = self._file(block).read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["error"] for line in lines if line.startswith('{"error": ')]

    def _file(self, block: int) -> Path:
        return self.folder / f"part-{block:06d}.jsonl"


def blocks_of(pictures: Iterable[Picture]) -> Iterator[tuple[int, Iterator[Picture]]]:
    """Yield the number of each block and its pictures; what of these is not taken is passed over.

    No picture is kept, so a film of any length can be cut.
    """
    pictures = iter(pictures)
    for number in count():
        first = next(pictures, None)
        if first is None:
            return
        block = chain([first], islice(pictures, BLOCK - 1))
        yield number, block
        for _ in block:
            pass


def _compare(stored: Any, recipe: Mapping[str, Any], folder: Path) -> None:
    for key in recipe:
        before = stored.get(key) if isinstance(stored, dict) else None
        if before != recipe[key]:
            raise DataError(f"{folder} holds results of another run: its {key} is {_short(before)},"
                            f" now it is {_short(recipe[key])}; give another --out, or delete it")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 100 else f"{text[:100]}…"

