"""Control whether glibc's malloc returns freed memory to the system."""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of mallopt (malloc.h), and what the user may have set of them by himself.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_SET_BY_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_",
                "GLIBC_TUNABLES")
# Feature maps are larger, and most else is smaller.
_LARGE = 2**20


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


def return_freed_memory() -> bool:
    """Let this process return large tensors as soon as they are freed; return whether it does now.

    For tests of large images on a CPU. By itself the C library stops to do so for tensors of up to
    32 MB: feature maps of several sizes then leave pieces that are too small for the next larger
    one. Feature maps of a multi-scale test take a quarter less memory, and the test a fifth more
    time, as the system fills every page with zeros. Numbers do not change. As for
    :func:`keep_freed_memory`, it lasts, and the user comes first.
    """
    return _set(_MMAP_THRESHOLD, _LARGE)


def _set(parameter: int, value: int) -> bool:
    if any(name in os.environ for name in _SET_BY_USER):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and bool(mallopt(parameter, value))
