"""Timing of named stages on the way from a file to people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_watching: ContextVar[StageClock | None] = ContextVar("watching", default=None)


class StageClock:
    """Adds up the time of each stage that this thread passes in the scope of a ``with``.

    device: where the stages compute; they are charged for what a GPU does for them

    seconds: by the name of the stage, in the order in which they were first met. A stage inside
    another counts for itself alone.

    >>> with StageClock() as clock:
    ...     with stage("network"):
    ...         pass
    >>> list(clock.seconds)
    ['network']
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._open: list[str] = []
        self._last = 0.0

    def __enter__(self) -> StageClock:
        self._token = _watching.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _watching.reset(self._token)

    def begin(self, name: str) -> None:
        """Charge the time from now on to ``name``."""
        self._charge()
        self.seconds.setdefault(name, 0.0)
        self._open.append(name)

    def end(self) -> None:
        """Go back to the stage around the one begun last."""
        self._charge()
        self._open.pop()

    def _charge(self) -> None:
        if not str(self._device).startswith("cpu"):
            import torch

            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._last
        self._last = now


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Tell the StageClock of this thread, if there is one, what is done in this scope."""
    clock = _watching.get()
    if clock is None:
        yield
        return
    clock.begin(name)
    try:
        yield
    finally:
        clock.end()
