"""Files and folders: written whole or not at all, read with one error, named, hashed."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aepose.errors import AeposeError, DataError, OutputError

# What a file system answers that cannot sync folders.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
_CHUNK = 1 << 18  # bytes
# Bytes. COCO's own files have half a gigabyte.
LARGEST_JSON = 2_000_000_000


@contextmanager
def whole_file(path: Path, advice: str = "") -> Iterator[Path]:
    """Give a temporary file beside ``path`` to write to; then it takes the name ``path``.

    Its content is on the disk before it has the name, so that neither a killed process nor a power
    cut leaves half a file there, and an older file of that name stays until the new one is whole.
    Whoever writes it, its permissions are those of any new file there (umask).

    Raises OutputError, with ``advice``, if the disk is full or fails; whatever is raised, the
    temporary file is gone.
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
    except BaseException:  # also Ctrl-C
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8; the file appears whole or not at all."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON; the file appears whole or not at all."""
    write_text(path, json.dumps(content, indent=None if isinstance(content, list) else 2) + "\n")


def regular_file(
    path: str | Path, error: type[AeposeError] = DataError, what: str = "file",
    if_missing: str = "",
) -> Path:
    """Return ``path`` if a file is there that can be read to its end.

    error, what, if_missing: what is raised, what it calls the file, and what it says to do

    Raises ``error`` for what is missing, and for a folder, a pipe or a device, which may never end.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise error(f"{path}: no such {what}{if_missing}") from None
    except (OSError, ValueError) as problem:  # too long a name, a loop of links, a zero byte
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"{path}: no such {what} ({reason}){if_missing}") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise error(f"{path}: the {what} cannot be read: it is {kind}")
    return path


def read_json(path: str | Path, what: str = "file", if_missing: str = "") -> Any:
    """Return the content of a JSON file, which is unpacked first if its name ends in ``.gz``.

    what: the kind of file, and if_missing: what to do where there is none, for messages

    Raises DataError that names the file if it is missing, cannot be read, is larger than
    LARGEST_JSON, or is no JSON.
    """
    path = regular_file(path, what=what, if_missing=if_missing)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(LARGEST_JSON + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the {what} cannot be read ({error}); check that the path is a "
                        "file and that it was copied whole") from error
    if len(content) > LARGEST_JSON:
        raise DataError(f"{path}: the {what} has more than {LARGEST_JSON / 1e9:g} GB, unpacked; "
                        "split it")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a JSON file ({error}); was it written, or downloaded and "
                        "unpacked, completely?") from error


def json_lines(path: str | Path, what: str) -> Iterator[tuple[int, bytes, Any]]:
    """Yield number, text and content of each line of a file of JSON lines, one at a time.

    what: the kind of file, for messages. Raises DataError that names the file, and the line.
    """
    with regular_file(path, what=what).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                content = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}, line {number}: not JSON ({error}); is it a {what}, and "
                                "was it copied whole?") from None
            yield number, line, content


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


def make_folder(path: str | Path) -> Path:
    """Make a folder for output, before work begins whose results would be lost without it.

    Raises DataError that names the folder if it cannot be made.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, RecursionError) as error:  # the latter for thousands of folders in each other
        raise DataError(f"cannot make folder {path}: {getattr(error, 'strerror', error)}") from None
    return path


def free_name(name: str, taken: set[str]) -> str:
    """Return ``name``, or the first of ``name-2``, ``name-3``, … that is free, and take it.

    Names that differ in case only count as equal, as on some file systems.

    >>> taken = set()
    >>> free_name('a', taken), free_name('A', taken)
    ('a', 'A-2')
    """
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.casefold())
    return free


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
