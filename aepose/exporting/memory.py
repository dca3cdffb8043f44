"""The memory that a piece of work takes (Linux)."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PROCESS = Path("/proc/self")


def peak_memory(work: Callable[[], Any]) -> float | None:
    """Do some work; return the most MiB that it had in use, beyond what was in use before.

    What was freed before is first given back to the system, so that work is not done in memory
    that others left. None where the system does not say.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
        (_PROCESS / "clear_refs").write_text("5")  # forgets the highest use so far
        before = _read("VmRSS")
    except (OSError, AttributeError):
        work()
        return None
    work()
    return _read("VmHWM") - before


def _read(name: str) -> float:
    status = (_PROCESS / "status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[1]) / 2**10
