"""The folder of a training: one run at a time, and none that is lost to another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from mmengine.dist import is_main_process

from aepose.engine.distributed import from_first_process
from aepose.engine.resume import list_checkpoints
from aepose.errors import ConfigError

_LOCK = ".lock"


@contextmanager
def held(work_dir: Path) -> Iterator[None]:
    """Keep ``work_dir`` for one training, of one or several processes, until the block ends.

    The system gives it free when the first process dies, however it does. Raises ConfigError, in
    all processes, if another training has it. All must call this.
    """
    file, other = None, ""
    if is_main_process():
        file, other = _locked(work_dir)
    other = from_first_process(other)
    if other:
        raise ConfigError(f"another training{other} is writing to {work_dir}; wait for its end, or "
                          "choose another folder with --work-dir")
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):  # the folder may have gone
                (work_dir / _LOCK).unlink()
            file.close()


def _locked(work_dir: Path) -> tuple[TextIO | None, str]:
    """Return the file that is locked now, or None and who has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None, ""
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        file = open(work_dir / _LOCK, "a+")  # noqa: SIM115
    except OSError:
        return None, ""  # that it cannot be written is said by who writes first
    try:
        # Not flock: that would be inherited by data-loader workers, which may outlive the training.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_there(file, work_dir / _LOCK):
            file.close()
            return _locked(work_dir)  # who had it removed it just now
    except BlockingIOError:
        file.seek(0)
        number = file.read().strip()
        file.close()
        return None, f" (process {number})" if number.isdecimal() else " "
    except OSError:  # a file system without locks
        return file, ""
    with suppress(OSError):  # a full disk; it only says who holds the folder
        file.truncate(0)
        os.write(file.fileno(), str(os.getpid()).encode())
    return file, ""


def _is_there(file: TextIO, path: Path) -> bool:
    """Return whether an open file is the one that has the name ``path``."""
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def check_unused(work_dir: Path) -> None:
    """Raise ConfigError, in all processes, if a new training would replace an old one's files."""
    names = from_first_process([path.name for path in list_checkpoints(work_dir)]
                               or [path.name for path in sorted(work_dir.glob("best*.pth"))])
    if names:
        # Of the best alone, a training cannot go on.
        advice = ("go on from them with --resume" if names[0].startswith(("epoch_", "iter_")) else
                  "move them away")
        raise ConfigError(f"{work_dir} holds the checkpoints of an earlier training ({names[0]}"
                          f"{', …' if names[1:] else ''}): {advice}, or choose another folder with "
                          "--work-dir")
