"""Control whether glibc's malloc returns freed memory to the system."""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of mallopt (malloc.h), and what the user may have set of them by himself.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_SET_BY_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_",
                "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let this process keep freed memory instead of returning it; return whether it does now.

    A training step on a CPU asks for the same large tensors as the step before it. The C library
    of Linux returns each of them to the system when it is freed, which then has to fill every
    page with zeros again: a fifth to a quarter of a step. Numbers do not change; the process stays
    as large as it once was.

    It lasts as long as the process, whose own program alone should call it. Does nothing where the
    C library has no such setting, or where the user has set it in the environment.
    """
    # No allocation has pages of its own, and the heap never shrinks.
    return _set(_MMAP_MAX, 0) and _set(_TRIM_THRESHOLD, -1)


def _set(parameter: int, value: int) -> bool:
    if any(name in os.environ for name in _SET_BY_USER):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and bool(mallopt(parameter, value))
