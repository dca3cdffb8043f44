"""What goes wrong around a run, and not in it, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aepose.errors import DataError, OutputError

# PyTorch's words for a worker that ended without an exception of its own.
_WORKER = re.compile(r"DataLoader worker \(pid.*?\) (is killed|exited unexpectedly).*")


@contextmanager
def explained(work_dir: Path, advice: str = "") -> Iterator[None]:
    """Turn a work dir that fails into an OutputError, and a killed worker into a DataError.

    advice: what to do, for both messages
    """
    try:
        yield
    except (BrokenPipeError, ConnectionError):  # of a terminal or another process
        raise
    except OSError as error:
        raise OutputError(f"cannot write to {error.filename or work_dir}: "
                          f"{error.strerror or error}; make room, or see that work dir {work_dir} "
                          f"is there and can be written{advice}") from error
    except RuntimeError as error:
        if not _WORKER.match(str(error)):
            raise
        raise DataError("a data-loader worker was killed, perhaps as memory, or /dev/shm, was "
                        "full: take a smaller num_workers or batch_size of the data loader"
                        f"{advice}") from error
