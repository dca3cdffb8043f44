"""What a conversion kept, changed and dropped."""

from __future__ import annotations

from typing import Any

from aepose.tables import format_table

_KINDS = ("kept", "changed", "dropped")


class Report:
    """Counts of what was kept, changed and dropped, with the first case of each.

    >>> report = Report()
    >>> report.add("dropped", "tracks", 2)
    >>> report.counts("dropped")
    {'tracks': 2}
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._first: dict[tuple[str, str], str] = {}

    def add(self, kind: str, text: str, count: int = 1, first: Any = "") -> None:
        """Count something under a kind: kept, changed or dropped; 0 or less adds nothing."""
        if count > 0:
            key = _KINDS[_KINDS.index(kind)], text
            self._counts[key] = self._counts.get(key, 0) + count
            self._first.setdefault(key, str(first))

    def counts(self, kind: str) -> dict[str, int]:
        """Return what was counted under a kind, and how often."""
        return {text: count for (of, text), count in self._counts.items() if of == kind}

    def table(self) -> str:
        """Return all of it as a Markdown table, kept before changed before dropped."""
        rows = [(kind, text, str(count), self._first[kind, text])
                for kind in _KINDS for text, count in self.counts(kind).items()]
        return format_table(("", "what", "number", "the first"), rows, left=(0, 1, 3))
