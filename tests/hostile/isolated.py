"""Run a piece of work in a process of its own, within limits of memory and time."""

import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

MEMORY = 6 * 2**30  # bytes beyond what the process has that it is a fork of
SECONDS = 120


def isolated(work: Callable[[], str]) -> str:
    """Return what ``work`` returns, or how it failed: by an exception, a signal, or by taking long.

    The process is a fork: what is loaded here is loaded there.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if sys.platform == "linux":  # others do not count as Linux does
                limit = MEMORY + _data()
                resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
            signal.alarm(SECONDS)
            os.close(reading)
            try:
                answer = work()
            except BaseException as error:
                answer = f"FAILED {type(error).__name__}: {error}"
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(answer[:2000], pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    return pickle.loads(content) if content else f"FAILED with status {status}"


def _data() -> int:
    """Return the bytes of this process that the limit counts: hours of tests gather gigabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
