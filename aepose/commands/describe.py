"""What a command says of itself besides its arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def command(example: str, interrupted: str) -> Callable[[Callable], Callable]:
    """Mark a function as a command.

    example: a command line that its help shows
    interrupted: what is said of the output when Ctrl-C stops it
    """
    def mark(function: Callable[..., int | None]) -> Callable[..., int | None]:
        @wraps(function)
        def run(*args: Any, **options: Any) -> int | None:
            try:
                return function(*args, **options)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(interrupted) from None

        run.example = example
        return run

    return mark
