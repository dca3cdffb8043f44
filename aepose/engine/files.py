"""Writing files that are whole or not there."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aepose.errors import OutputError

# What a file system answers that cannot sync folders.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


@contextmanager
def whole_file(path: Path, advice: str = "") -> Iterator[Path]:
    """Give a temporary file beside ``path`` to write to; then it takes the name ``path``.

    Its content is on the disk before it has the name, so that neither a killed process nor a power
    cut leaves half a file there, and an older file of that name stays until the new one is whole.
    Whoever writes it, its permissions are those of any new file there (umask).

    Raises OutputError, with ``advice``, if the disk is full or fails; the temporary file is gone.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)  # a killed process may have left one
        part.touch()
        mode = part.stat().st_mode
        yield part
        part.chmod(mode)  # what writes through a temporary file of its own may keep others out
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # without a folder, or on a failed disk, there is nothing to remove
            part.unlink()
        raise OutputError(f"cannot write {path.name} to {path.parent}: {error.strerror or error}"
                          f"{_room(path.parent)}; files written before are whole{advice}"
                          ) from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON; the file appears whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=None if isinstance(content, list) else 2) + "\n")


def _sync_folder(folder: Path) -> None:
    """Make a new name in ``folder`` outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def _room(folder: Path) -> str:
    if not folder.is_dir():
        return ""
    return f" ({shutil.disk_usage(folder).free / 2**20:.0f} MiB free)"
