"""The memory of this process (Linux); imported by both sides of benchmarks/end_to_end.py."""

import ctypes
import re
from pathlib import Path

PROCESS = Path("/proc/self")


def forget_peak() -> None:
    """Let :func:`peak_mib` look only at what comes, and give back memory that is not in use."""
    ctypes.CDLL(None).malloc_trim(0)
    (PROCESS / "clear_refs").write_text("5")


def resident_mib() -> float:
    """Return the memory in use now."""
    return _read("VmRSS")


def peak_mib() -> float:
    """Return the most that has been in use."""
    return _read("VmHWM")


def _read(name: str) -> float:
    status = (PROCESS / "status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[1]) / 2**10
