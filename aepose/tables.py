"""Aligned Markdown tables, and numbers with what is counted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def format_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], left: Collection[int] = (0,)
) -> str:
    """Return an aligned Markdown table; columns of text are those at the indices ``left``."""
    lines = [header, *rows]
    # Three dashes are the least that every Markdown reader takes for a rule.
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * w if i in left else "-" * (w - 1) + ":" for i, w in enumerate(widths)])
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) if i in left else cell.rjust(w)
                          for i, (cell, w) in enumerate(zip(line, widths, strict=True))) + " |"
        for line in lines)


def counted(number: int, what: str) -> str:
    """Return a number with what is counted: "1 picture", "2 pictures", "2 people"."""
    several = "people" if what == "person" else f"{what}s"
    return f"{number} {what if number == 1 else several}"
