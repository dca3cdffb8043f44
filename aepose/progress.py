"""A progress bar on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar with the time left on stderr; gives a function to call with the number done.

    total: None where nobody knows it: then the bar counts
    """
    from rich import progress
    from rich.console import Console

    left = progress.TimeElapsedColumn() if total is None else progress.TimeRemainingColumn()
    columns = (progress.TextColumn(title), progress.BarColumn(), progress.MofNCompleteColumn(),
               left)
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)
