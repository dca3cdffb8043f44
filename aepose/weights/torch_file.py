"""Reading PyTorch's files without running what is in them, and within the memory they take.

A file holds a pickle, a little program that calls functions by name, and the raw data of tensors.
Of the names that PyTorch writes each leads to a function of ours here, which checks what it is
given; there are no others. ``torch.load`` is not asked: what it lets a file call depends on its
version, and not all of that looks at its arguments.
"""

from __future__ import annotations

import mmap
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from aepose.weights.stored_values import (
    CALLABLE,
    NAMES,
    STORAGES,
    Storage,
    Unfinished,
    UnsafeContentError,
    whole,
)

_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a file as PyTorch wrote them before 1.6
_PROTOCOL = 1001


def read_torch_file(path: Path) -> Any:
    """Return what a file in PyTorch's format holds: tensors on the CPU, and plain values.

    Of NumPy's values there may be numbers and arrays of them. Quantised, sparse and other tensors
    that are no plain arrays become :class:`OtherTensor`.

    Raises UnsafeContentError for a file that names anything else, and any exception for a damaged
    one.
    """
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            with zipfile.ZipFile(file) as archive:
                return _read_zip(archive, path.stat().st_size)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _read_legacy(content)


def _read_zip(archive: zipfile.ZipFile, size: int) -> Any:
    entries = {entry.filename: entry for entry in archive.infolist()}
    (pickled,) = (name for name in entries if name.rpartition("/")[2] == "data.pkl")
    folder = pickled.removesuffix("data.pkl")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
        raise ValueError("its records are compressed")
    if sum(entry.file_size for entry in entries.values()) > size:
        raise ValueError("its records are larger than the file")
    if f"{folder}byteorder" in entries:
        _check_order(archive.read(f"{folder}byteorder").decode() == "little")
    storages: dict[str, torch.Tensor] = {}

    def storage(kind: torch.dtype, key: str, count: int) -> Storage:
        if key not in storages:
            content = bytearray(archive.read(f"{folder}data/{key}"))
            storages[key] = _bytes_of(content)
        return Storage(storages[key], kind, count)

    with archive.open(pickled) as file:
        return _Unpickler(file, storage).load()


def _read_legacy(content: mmap.mmap) -> Any:
    magic, version, system = (_Unpickler(content).load() for _ in range(3))
    if magic != _MAGIC or version != _PROTOCOL:
        raise ValueError("not PyTorch's format")
    _check_order(system["little_endian"])
    storages: dict[str, Storage] = {}
    room = len(content)

    def storage(kind: torch.dtype, key: str, count: int) -> Storage:
        nonlocal room
        if key not in storages:
            size = count * kind.itemsize
            room -= size
            if room < 0:
                raise ValueError(f"the data {key} are larger than the file")
            empty = torch.zeros(size, dtype=torch.uint8)  # their content comes last
            storages[key] = Storage(empty, kind, count)
        return storages[key]

    result = _Unpickler(content, storage).load()
    for key in _Unpickler(content).load():
        target = storages[key]
        data = content.read(8 + target.content.numel())
        if int.from_bytes(data[:8], "little") != target.count or (
                len(data) != 8 + target.content.numel()):
            raise ValueError(f"the data {key} have another size than their tensors")
        target.content.copy_(_bytes_of(bytearray(data[8:])))
    return result


def _bytes_of(content: bytearray) -> torch.Tensor:
    if not content:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(content, dtype=torch.uint8)


def _check_order(little: bool) -> None:
    if little != (sys.byteorder == "little"):
        raise ValueError("it was written on a machine of another byte order")


class _Unpickler(pickle._Unpickler):
    """Python's own, less all that is not used for plain values, calling only what is below."""

    def __init__(self, file: BinaryIO | mmap.mmap,
                 storage: Callable[[torch.dtype, str, int], Storage] | None = None) -> None:
        super().__init__(file, encoding="utf-8")
        self._storage = storage

    def load(self) -> Any:
        """Return the next object of the file."""
        try:
            return super().load()
        except KeyError as error:
            if isinstance(error.args[0], int):
                raise UnsafeContentError(
                    f"unsupported operand {bytes(error.args)!r}") from None
            raise

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name of PyTorch's or NumPy's leads to here."""
        if name in STORAGES and module in ("torch", "torch.cuda", "torch.storage"):
            return STORAGES[name]
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        full = f"{module}.{name}"
        if full not in NAMES:
            raise UnsafeContentError(f"unsupported global {full}")
        return NAMES[full]

    def persistent_load(self, described: Any) -> Storage:
        """Return the data that the file describes as ('storage', class, key, device, count)."""
        if self._storage is None or not isinstance(described, tuple):
            raise ValueError("data of a tensor at the wrong place")
        word, kind, key, _, count, *view = described
        if word != "storage" or not isinstance(kind, torch.dtype) or any(
                part is not None for part in view):
            raise ValueError("data of a tensor that are described wrongly")
        return self._storage(kind, str(key), whole(count))

    def load_reduce(self) -> None:
        """Call a function of ours."""
        arguments = self.stack.pop()
        called = self.stack[-1]
        if not any(called is own for own in CALLABLE) or not isinstance(arguments, tuple):
            raise UnsafeContentError(f"unsupported operand: a call of {called!r}")
        self.stack[-1] = called(*arguments)

    def load_build(self) -> None:
        """Leave out what was attached to a dict, such as the version of a state dict."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Unfinished):
            self.stack[-1] = target.finish(state)
            # What refers to it further on finds the finished one.
            for key, value in self.memo.items():
                if value is target:
                    self.memo[key] = self.stack[-1]
        elif not isinstance(target, OrderedDict):
            raise UnsafeContentError(f"unsupported operand: the state of a {type(target).__name__}")

    def _into(self, kind: type) -> None:
        target = self.stack[-1] if self.stack else None
        if not isinstance(target, kind):
            raise UnsafeContentError(f"unsupported operand: items for a {type(target).__name__}")

    def load_append(self) -> None:
        """Append to a list."""
        value = self.stack.pop()
        self._into(list)
        self.stack[-1].append(value)

    def load_appends(self) -> None:
        """Append several."""
        values = self.pop_mark()
        self._into(list)
        self.stack[-1].extend(values)

    def load_setitem(self) -> None:
        """Set an item of a dict."""
        value, key = self.stack.pop(), self.stack.pop()
        self._into(dict)
        self.stack[-1][key] = value

    def load_setitems(self) -> None:
        """Set several."""
        items = self.pop_mark()
        self._into(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][key] = value

    # The operations of protocol 2 that plain values take.
    dispatch = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in (
        pickle.PROTO, pickle.STOP, pickle.MARK, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE,
        pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.BINFLOAT,
        pickle.BINSTRING, pickle.SHORT_BINSTRING, pickle.BINUNICODE, pickle.TUPLE, pickle.TUPLE1,
        pickle.TUPLE2, pickle.TUPLE3, pickle.EMPTY_TUPLE, pickle.EMPTY_LIST, pickle.EMPTY_DICT,
        pickle.EMPTY_SET, pickle.BINPERSID, pickle.BINGET, pickle.LONG_BINGET, pickle.BINPUT,
        pickle.LONG_BINPUT, pickle.GLOBAL)}
    dispatch |= {pickle.REDUCE[0]: load_reduce, pickle.BUILD[0]: load_build,
                 pickle.APPEND[0]: load_append, pickle.APPENDS[0]: load_appends,
                 pickle.SETITEM[0]: load_setitem, pickle.SETITEMS[0]: load_setitems}
