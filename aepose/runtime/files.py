"""Files of exported networks: telling them from others, and reading what they say of themselves."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from aepose.errors import CheckpointError
from aepose.files import regular_file
from aepose.runtime.description import KEY, Description

ONNX, OPENVINO = ".onnx", ".xml"
SUFFIXES = ONNX, OPENVINO
# Of the protocol buffer that an ONNX file is: fields and how values are stored.
_METADATA, _NAME, _VALUE = 14, 1, 2
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10  # bytes


def is_exported(path: Any) -> bool:
    """Return whether a path is that of an exported network, by its suffix."""
    return isinstance(path, (str, os.PathLike)) and Path(path).suffix.lower() in SUFFIXES


def read_description(path: str | Path) -> Description:
    """Return what a file says of itself, without loading its network.

    Raises CheckpointError for a file that is missing, cut short, or not written by
    ``aepose export``, and for one of a newer version.
    """
    path = regular_file(path, CheckpointError, "exported network")
    texts = dict(_onnx_metadata(path) if path.suffix.lower() == ONNX else _openvino_info(path))
    if KEY not in texts:
        said = f"; it says only {', '.join(sorted(texts)[:8])}" if texts else ""
        raise CheckpointError(
            f"{path} was not written by `aepose export`: '{KEY}', which describes keypoints, "
            f"codec and sizes, is missing in its metadata{said}")
    return Description.parse(texts[KEY], str(path))


def _openvino_info(path: Path) -> Iterator[tuple[str, str]]:
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise CheckpointError(f"{weights} is missing: the weights of {path.name} are in it; copy "
                              "both files")
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError) as error:
        raise CheckpointError(f"{path} is no OpenVINO network, or the file is cut short ({error}); "
                              "copy it again") from None
    for entry in root.iterfind("rt_info/*"):
        yield entry.tag, entry.get("value", "")


def _onnx_metadata(path: Path) -> Iterator[tuple[str, str]]:
    """Yield names and values of an ONNX file's metadata; the graph is passed over.

    Needs no package for ONNX files: a runtime may be all that is there.
    """
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        try:
            for number, span in _fields(file, end):
                if number == _METADATA:
                    yield _entry(file, span)
        except (EOFError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path} is no ONNX file, or it is cut short ({error}); copy it "
                                  "again") from None
    if not end:
        raise CheckpointError(f"{path} is an empty file; copy it again")


def _entry(file: BinaryIO, span: tuple[int, int]) -> tuple[str, str]:
    """Return the name and the value of an entry of the metadata."""
    after = file.tell()
    file.seek(span[0])
    parts = {_NAME: "", _VALUE: ""}
    for number, (start, stop) in _fields(file, span[1]):
        if number in parts:
            file.seek(start)
            parts[number] = file.read(stop - start).decode("utf-8")
    file.seek(after)
    return parts[_NAME], parts[_VALUE]


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the number of each field of bytes up to ``end``, and where these begin and end.

    Raises EOFError where a field is not whole.
    """
    while file.tell() < end:
        key = _varint(file)
        number, kind = key >> 3, key & 7
        if not number or kind not in (_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES):
            raise EOFError(f"byte {file.tell()} begins no field")
        length = {_VARINT: 0, _EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind)
        if kind == _VARINT:
            _varint(file)
        elif kind == _LENGTH:
            length = _varint(file)
        start = file.tell()
        if start + length > end:
            raise EOFError(f"{start + length - end} bytes are missing")
        if kind == _LENGTH:
            yield number, (start, start + length)
        file.seek(start + length)


def _varint(file: BinaryIO) -> int:
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            raise EOFError("it ends within a number")
        value |= (byte[0] & 0x7F) << 7 * place
        if not byte[0] & 0x80:
            return value
    raise EOFError(f"byte {file.tell()} ends no number")
