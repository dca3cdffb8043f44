"""What a check found, and how that is told."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aepose.datasets.values import shown
from aepose.tables import counted

Level = Literal["ok", "note", "warning", "error"]
_WIDTH, _EXAMPLES = 100, 3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    level: 'error' for what training stops at, 'warning' for what probably was not meant
    advice: what to do about it
    """

    level: Level
    text: str
    advice: str = ""


def about(level: Level, what: str, values: Iterable[Any], text: str, advice: str
          ) -> list[Finding]:
    """Return a finding that counts values and shows the first; none if there are none.

    what: what one of them is called

    >>> about('note', 'picture', ['a.jpg', 'b.jpg'], 'without people', 'look')[0].text
    '2 pictures without people: a.jpg, b.jpg'
    """
    values = list(values)
    return [Finding(level, f"{counted(len(values), what)} {text}: {examples(values)}", advice)
            ] if values else []


def examples(values: Sequence[Any]) -> str:
    """Return the first of some values, such as "1, 2, 3, …"."""
    more = ", …" if len(values) > _EXAMPLES else ""
    return ", ".join(value if isinstance(value, str) else shown(value)
                     for value in values[:_EXAMPLES]) + more


def format_findings(sections: Mapping[str, Sequence[Finding]]) -> str:
    """Return a heading per section and a paragraph per finding, the worst last."""
    order = ("ok", "note", "warning", "error")
    lines = []
    for title, findings in sections.items():
        lines += ["", title]
        for finding in sorted(findings, key=lambda found: order.index(found.level)):
            lines += _wrapped(f"  {finding.level:<9}", finding.text)
            if finding.advice:
                lines += _wrapped(" " * 11 + "→ ", finding.advice)
    return "\n".join(lines[1:])


def _wrapped(start: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start),
                         break_long_words=False, break_on_hyphens=False)
