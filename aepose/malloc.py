"""Memory of the CPU: what becomes of it when it was freed."""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of mallopt (malloc.h), and what the user may have set of them by himself.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_SET_BY_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_",
                "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let this process keep freed memory instead of giving it back; return whether it does now.

    A training step on a CPU asks for the same large tensors as the step before it. The C library
    of Linux returns each of them to the system when it is freed, which then has to fill every
    page with zeros again: a fifth to a quarter of a step. Numbers do not change; the process stays
    as large as it once was.

    Does nothing where the C library has no such setting, or where the user has set it in the
    environment.
    """
    if any(name in os.environ for name in _SET_BY_USER):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    # No allocation has pages of its own, and the heap never shrinks.
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))


def give_back_freed_memory() -> None:
    """Give memory that was freed in pieces back to the system, where the C library can.

    Of a large picture's feature maps, those of under 32 MB leave pieces that are too small for the
    next larger one.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
