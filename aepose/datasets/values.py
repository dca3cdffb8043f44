"""Checks of single values in annotation and result files, and the line that counts the harmless.

They run once for each of hundreds of thousands of entries, so each is a few calls of built-ins.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aepose.errors import DataError, warn_once

# Numbers beyond it mean nothing here, and their squares stay finite in any precision used.
LARGEST = 1e9
_NUMBERS = frozenset({int, float})
_NUMBERS_AND_FLAGS = frozenset({int, float, bool})
ID_LIMIT = 2**63
Id = int | str


def is_number(value: Any, least: float = -LARGEST, most: float = LARGEST) -> bool:
    """Return whether a value is a number in a range: no text, no true or false, no NaN."""
    return type(value) in _NUMBERS and least <= value <= most


def are_numbers(values: Any, length: int, limit: float = LARGEST, flags: bool = False) -> bool:
    """Return whether a value is a list of so many numbers from -``limit`` to ``limit``.

    flags: true and false are numbers, too
    """
    if type(values) is not list or len(values) != length:
        return False
    if not (_NUMBERS_AND_FLAGS if flags else _NUMBERS).issuperset(map(type, values)):
        return False
    # A NaN that is not the first escapes min and max, and makes the sum another one.
    return not values or (-limit <= min(values) and max(values) <= limit
                          and sum(values) == sum(values))


def describe(values: Any, limit: float = LARGEST, flags: bool = False) -> str:
    """Return what is wrong with a value that should be a list of numbers, for a message."""
    if not isinstance(values, list):
        return f"{type(values).__name__} {shown(values)}"
    bad = [v for v in values if not are_numbers([v], 1, limit, flags)]
    return f"{len(values)} values" + (f", among them {shown(bad[0])}" if bad else "")


def shown(value: Any) -> str:
    """Return a value for a message, cut short where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        text = f"a number of {value.bit_length()} bits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def checked_id(value: Any, key: str, where: str) -> Id:
    """Return an id: a text, or a whole number of 64 bits, also where it is written as 7.0.

    Raises DataError that begins with ``where`` for anything else.
    """
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is str or (type(value) is int and -ID_LIMIT <= value < ID_LIMIT):
        return value
    raise DataError(f"{where}: '{key}' is {shown(value)}; an id is a whole number of at most 64 "
                    "bits or a text")


def check_one_kind(ids: Iterable[Id], what: str, path: Path) -> None:
    """Raise DataError if some ids are texts and others numbers."""
    first: dict[type, Id] = {}
    for value in ids:
        first.setdefault(type(value), value)
    if len(first) > 1:
        raise DataError(f"{path}: some {what} are numbers and some are texts, such as "
                        f"{shown(first[int])} and {shown(first[str])}; write them all alike")


class Notes:
    """What was taken although it is not as it should be, counted, for one line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[str, int] = {}
        self._first: dict[str, Any] = {}
        self._lines: list[str] = []

    def count(self, text: str, name: Any) -> None:
        """Note one more annotation, by its id; ``text`` goes on after "3 annotations"."""
        self._counts[text] = self._counts.get(text, 0) + 1
        self._first.setdefault(text, name)

    def add(self, text: str) -> None:
        """Note something of the file as a whole."""
        self._lines.append(text)

    def entries(self) -> list[tuple[str, int, Any]]:
        """Return each text with its number of annotations and the first one's id.

        What was noted of the file as a whole has the number 1 and the id "".
        """
        return [(text, 1, "") for text in self._lines] + [
            (f"annotations {text}", number, self._first[text])
            for text, number in self._counts.items()]

    def say(self) -> None:
        """Warn in one line, if there is anything to say."""
        lines = self._lines + [
            f"{number} annotation{'s' if number > 1 else ''} {text} (the first: "
            f"{shown(self._first[text])})" for text, number in self._counts.items()]
        if lines:
            warn_once(f"{self._path}: " + "; ".join(lines))
