"""Getting a file over HTTP: resumed, checked, whole or not at all.

What has arrived lies in ``NAME.part`` until it is complete and its SHA-256 agrees with the eight
hex digits in its name; then it is renamed. A download that breaks off, or is killed, goes on from
there next time. Of several processes that want the same file, one downloads and the others wait.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from io import FileIO
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from aepose.errors import CheckpointError
from aepose.files import sha256_of
from aepose.version import __version__

TIMEOUT = 30.0
_CHUNK = 1 << 18
# A published file is called NAME-0123abcd.pth or NAME-0123abcd_20200713.pth.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8})(?:_\d{8})?\.[a-z]+$")


class NotOnServerError(CheckpointError):
    """The server is there, but does not have the file."""


@dataclass(frozen=True)
class _Answer:
    """A server's answer: the content from byte ``start`` on, of ``total`` if the server says so."""

    response: HTTPResponse
    start: int
    total: int | None


def hash_in_name(name: str) -> str | None:
    """Return the first eight hex digits of the SHA-256 that a file name promises, if it does.

    >>> hash_in_name('resnet50-0676ba61.pth'), hash_in_name('best.pth')
    ('0676ba61', None)
    """
    found = _HASH_IN_NAME.search(name)
    return found.group(1) if found else None


def check_file(path: Path) -> None:
    """Raise CheckpointError if a file's SHA-256 is not the one that its name promises, if any."""
    expected = hash_in_name(path.name)
    found = sha256_of(path) if expected else ""
    if expected and not found.startswith(expected):
        raise CheckpointError(f"{path} is damaged: its SHA-256 starts with {found[:8]}, and its "
                              f"name says {expected}; delete it to have it downloaded")


def download(url: str, target: Path, timeout: float = TIMEOUT) -> Path:
    """Download ``url`` to ``target``, unless another process has just done so; return ``target``.

    timeout: seconds without an answer or a byte after which to give up

    Raises NotOnServerError for HTTP 404 and 410, and CheckpointError, which says what to do, for a
    server that cannot be reached or fails, a transfer that breaks off, a wrong SHA-256 (what came
    is deleted), and a folder that cannot be written or has no room.
    """
    part = target.with_name(target.name + ".part")
    with _disk_errors(target), _lone_part(part) as file:
        if target.is_file():
            part.unlink()
            check_file(target)
            return target
        # Without a promised hash nobody could tell if an old part belongs to this file.
        if hash_in_name(target.name) is None and part.stat().st_size:
            file.truncate(0)
        resumed = _transfer(url, file, target, timeout)
        wrong = _wrong_hash(part, target)
        if wrong and resumed:
            file.truncate(0)
            _transfer(url, file, target, timeout)
            wrong = _wrong_hash(part, target)
        if wrong:
            part.unlink()
            raise CheckpointError(f"{url} gave a file whose SHA-256 starts with {wrong[:8]}, but "
                                  f"{target.name} must have {hash_in_name(target.name)}; it was "
                                  f"deleted. {_by_hand(target)}")
        os.replace(part, target)
    return target


def _wrong_hash(part: Path, target: Path) -> str | None:
    """Return the SHA-256 of what came if it is not the promised one."""
    expected = hash_in_name(target.name)
    found = sha256_of(part) if expected else ""
    return found if expected and not found.startswith(expected) else None


def _transfer(url: str, file: FileIO, target: Path, timeout: float) -> bool:
    """Append what is missing to the part; return whether there was something to go on from."""
    have = os.fstat(file.fileno()).st_size
    answer = _ask(url, have, target, timeout)
    if answer is None:
        return True
    with answer.response as response:
        if have > answer.start:
            file.truncate(answer.start)
        _check_room(answer, target)
        done = answer.start
        with _transfer_bar(target.name, answer) as show:
            while chunk := _receive(response, url, done, answer.total, target):
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view):]
                done += len(chunk)
                show(done)
    if answer.total is not None and done != answer.total:
        raise _broke_off(url, done, answer.total, "the server closed the connection", target)
    return answer.start > 0


def _ask(url: str, have: int, target: Path, timeout: float) -> _Answer | None:
    """Ask for the bytes from ``have`` on; None says that these are all there are."""
    headers = {"User-Agent": f"aepose/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code == 416 and have:
            # The part is complete, or is longer than the file and so belongs to another one.
            complete = error.headers.get("Content-Range", "") == f"bytes */{have}"
            return None if complete else _ask(url, 0, target, timeout)
        missing = error.code in (404, 410)
        raise (NotOnServerError if missing else CheckpointError)(
            f"{url}: the server answers {error.code} {error.reason}. {_by_hand(target)}") from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise CheckpointError(f"cannot reach {url}: {reason or type(error).__name__}. "
                              f"{_by_hand(target)}") from None
    length = response.headers.get("Content-Length")
    size = int(length) if length is not None and length.isdigit() else None
    if response.status == 206 and have:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            response.close()
            return _ask(url, 0, target, timeout)
        return _Answer(response, have, None if size is None else have + size)
    return _Answer(response, 0, size)


def _receive(
    response: HTTPResponse, url: str, done: int, total: int | None, target: Path
) -> bytes:
    """Return the next bytes; an empty answer is the end."""
    try:
        return response.read1(_CHUNK)
    except (HTTPException, OSError) as error:
        raise _broke_off(url, done, total, str(error) or type(error).__name__, target) from None


def _broke_off(
    url: str, done: int, total: int | None, reason: str, target: Path
) -> CheckpointError:
    of_all = "" if total is None else f" of {total / 1e6:.1f}"
    return CheckpointError(f"the download of {url} broke off after {done / 1e6:.1f}{of_all} MB "
                           f"({reason}); run it again to go on from there. {_by_hand(target)}")


def _by_hand(target: Path) -> str:
    return (f"You can also put {target.name} into {target.parent} by hand, or set AEPOSE_MIRROR "
            "to a folder or URL that has it.")


def _check_room(answer: _Answer, target: Path) -> None:
    free = shutil.disk_usage(target.parent).free
    needed = 0 if answer.total is None else answer.total - answer.start
    if needed > free:
        raise CheckpointError(f"no room for {target.name} in {target.parent}: it needs "
                              f"{needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free; make "
                              "room, or set AEPOSE_HOME to another folder")


@contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    """Turn what goes wrong on the disk into a CheckpointError; what has come is kept."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise CheckpointError(f"cannot write {target.name} in {target.parent}: "
                              f"{error.strerror or error}; make room or give the right to "
                              "write there, or set AEPOSE_HOME to another folder") from None


@contextmanager
def _lone_part(part: Path) -> Iterator[FileIO]:
    """Open the part for this process alone; wait while another one downloads to it.

    The lock ends with the process that holds it, however that ends.
    """
    while True:
        with open(part, "ab", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"waiting for another process that downloads {part.stem}", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            # Who held the lock may have renamed or deleted the file that is open here.
            if not _is_at(file, part):
                continue
            try:
                yield file
            finally:
                if _is_at(file, part) and part.stat().st_size == 0:
                    part.unlink()
            return


def _is_at(file: FileIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


@contextmanager
def _transfer_bar(name: str, answer: _Answer) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr; gives a function to call with the number of bytes there are."""
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=answer.total, completed=answer.start)
        yield lambda done: bar.update(task, completed=done)
