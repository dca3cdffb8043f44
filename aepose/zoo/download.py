"""Download a file over HTTP: checked, within limits of time and size, whole or not at all.

What arrives is written beside its place under a name of its own, and renamed when it is complete
and its SHA-256 agrees with the eight hex digits in its name. So several processes may download the
same file: the last one replaces it by the same content.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from aepose.errors import CheckpointError
from aepose.files import sha256_of
from aepose.version import __version__

TIMEOUT = 30.0  # seconds until the server answers, and in which the least rate is measured
LEAST_RATE = 10_000  # bytes per second
LARGEST_FILE = 4_000_000_000  # bytes
_CHUNK = 1 << 18
# A published file is called NAME-0123abcd.pth or NAME-0123abcd_20200713.pth.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8})(?:_\d{8})?\.[a-z]+$")


class NotOnServerError(CheckpointError):
    """The server is there, but does not have the file."""


def hash_in_name(name: str) -> str | None:
    """Return the first eight hex digits of the SHA-256 that a file name promises, if it does.

    >>> hash_in_name('resnet50-0676ba61.pth'), hash_in_name('best.pth')
    ('0676ba61', None)
    """
    found = _HASH_IN_NAME.search(name)
    return found.group(1) if found else None


def check_file(path: Path) -> None:
    """Raise CheckpointError if a file's SHA-256 is not the one that its name promises, if any."""
    wrong = _wrong_hash(path, path.name)
    if wrong:
        raise CheckpointError(f"{path} is damaged: its SHA-256 starts with {wrong}, and its name "
                              f"says {hash_in_name(path.name)}; delete it to have it downloaded")


def _wrong_hash(path: Path, name: str) -> str | None:
    """Return the first eight hex digits of a file's SHA-256 if ``name`` promises others."""
    promised = hash_in_name(name)
    found = sha256_of(path)[:8] if promised else None
    return found if found != promised else None


def download(url: str, target: Path, timeout: float = TIMEOUT) -> Path:
    """Download ``url`` to ``target``, which it replaces; return ``target``.

    timeout: seconds in which the server must answer, and after which a transfer that is slower
        than LEAST_RATE is given up

    Raises NotOnServerError for HTTP 404 and 410, and CheckpointError, which says what to do, for a
    server that cannot be reached or fails, a transfer that breaks off or is too slow, more than
    LARGEST_FILE, a wrong SHA-256, and a folder that cannot be written or has no room. No file is
    left then.
    """
    part = target.with_name(f"{target.name}.{uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "xb") as file:
                file.writelines(_receive(url, target, timeout))
            _check_arrived(part, url, target)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot write {target.name} in {target.parent}: "
                              f"{error.strerror or error}; make room or give the right to "
                              "write there, or set AEPOSE_HOME to another folder") from None
    return target


def _check_arrived(part: Path, url: str, target: Path) -> None:
    wrong = _wrong_hash(part, target.name)
    if wrong:
        raise CheckpointError(f"{url} gave a file whose SHA-256 starts with {wrong}, but "
                              f"{target.name} must have {hash_in_name(target.name)}. "
                              f"{_by_hand(target)}")


def _receive(url: str, target: Path, timeout: float) -> Iterator[bytes]:
    """Yield the content; raises CheckpointError for all that goes wrong outside this machine."""
    try:
        with _ask(url, timeout) as response:
            yield from _read(response, target.name, timeout)
    except HTTPError as error:
        error.close()
        missing = error.code in (404, 410)
        raise (NotOnServerError if missing else CheckpointError)(
            f"{url}: the server answers {error.code} {error.reason}. {_by_hand(target)}") from None
    except (OSError, HTTPException, ValueError) as error:  # ValueError: no host can be called so
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise CheckpointError(f"cannot download {url}: {reason}. {_by_hand(target)}") from None


def _ask(url: str, timeout: float) -> HTTPResponse:
    """Return the server's answer, of which the headers have come.

    In a thread, because ``timeout`` of urlopen is for each packet, and not for looking up a host.
    """
    answers: SimpleQueue[HTTPResponse | Exception] = SimpleQueue()

    def ask() -> None:
        headers = {"User-Agent": f"aepose/{__version__}", "Accept-Encoding": "identity"}
        try:
            answers.put(urlopen(Request(url, headers=headers), timeout=timeout))
        except Exception as error:  # raised again by the one who waits
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except Empty:
        raise TimeoutError(f"timed out, no answer in {timeout:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _read(response: HTTPResponse, name: str, timeout: float) -> Iterator[bytes]:
    """Yield the content of an answer, shown by a bar on stderr; raises OSError beyond a limit."""
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    done, since, before = 0, time.monotonic(), 0
    columns = TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=total)
        while chunk := response.read1(_CHUNK):
            done += len(chunk)
            if max(done, total or 0) > LARGEST_FILE:
                raise OSError(f"it has more than {LARGEST_FILE / 1e9:g} GB")
            yield chunk
            bar.update(task, completed=done)
            seconds = time.monotonic() - since
            if seconds > timeout:
                if done - before < LEAST_RATE * seconds:
                    raise TimeoutError(f"timed out, {(done - before) / seconds / 1e3:.1f} kB/s "
                                       f"after {done / 1e6:.1f} MB")
                since, before = time.monotonic(), done
    if total is not None and done != total:
        raise ConnectionError(f"it broke off after {done / 1e6:.1f} of {total / 1e6:.1f} MB")


def _by_hand(target: Path) -> str:
    # A mirror is not asked for what it cannot be held to.
    mirror = (", or set AEPOSE_MIRROR to a folder or URL that has it"
              if hash_in_name(target.name) else "")
    return f"You can also put {target.name} into {target.parent} by hand{mirror}."
