"""What a file in PyTorch's format may name: functions that build checked values, and no others.

Names are those that PyTorch and NumPy write; each leads to a function here, and a file may hand it
anything.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

# By the names of the classes that stand for them in a file.
STORAGES = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool, "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64, "UntypedStorage": torch.uint8,
    "QInt8Storage": torch.int8, "QUInt8Storage": torch.uint8, "QInt32Storage": torch.int32,
}
# An array that repeats few numbers takes little room in a file, and much once it is copied.
_MOST_ELEMENTS = 2**33
_NUMPY_KINDS = "biuf"  # booleans, integers, floating point


class UnsafeContentError(Exception):
    """A file that holds more than weights and plain values; the message names what."""


@dataclass(frozen=True)
class OtherTensor:
    """Stands for a tensor that is not read, because it is not a plain array: ``kind`` says why."""

    kind: str


@dataclass(frozen=True)
class Storage:
    """The data that tensors lie in: bytes, and what they are read as."""

    content: torch.Tensor
    dtype: torch.dtype
    count: int


def whole(value: Any) -> int:
    """Return a number from 0 that a file gives as a size; raises ValueError for others."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no size")
    return value


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
    """Return a view of data; it may not reach beyond them."""
    return _typed_tensor(storage, offset, size, stride,
                         storage.dtype if isinstance(storage, Storage) else None)


def _tensor_v2(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False,
               hooks: Any = None, metadata: Any = None) -> Any:
    return OtherTensor("conjugate") if metadata else _tensor(storage, offset, size, stride)


def _tensor_v3(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any,
               dtype: Any, metadata: Any = None) -> Any:
    return (OtherTensor("conjugate") if metadata
            else _typed_tensor(storage, offset, size, stride, dtype))


def _typed_tensor(storage: Any, offset: Any, size: Any, stride: Any, dtype: Any) -> Any:
    if not isinstance(storage, Storage) or not isinstance(dtype, torch.dtype):
        raise ValueError("a tensor without data")
    sizes, strides, start = [*map(whole, size)], [*map(whole, stride)], whole(offset)
    if len(sizes) != len(strides) or math.prod(sizes) > _MOST_ELEMENTS:
        raise ValueError(f"a tensor of size {sizes} with strides {strides}")
    room = storage.content.numel() // dtype.itemsize
    last = start + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    if storage.count * storage.dtype.itemsize > storage.content.numel() or (
            0 not in sizes and last >= room):
        raise ValueError("a tensor that reaches beyond its data")
    if 0 in sizes:
        return torch.empty(sizes, dtype=dtype)
    flat = storage.content[:room * dtype.itemsize].view(dtype)
    return flat.as_strided(sizes, strides, start)


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _of_type(builder: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """Return the tensor inside one that has attributes or a class of its own."""
    if not any(builder is own for own in _TENSORS.values()) or not isinstance(arguments, tuple):
        raise ValueError("a tensor of a class of its own")
    return builder(*arguments)


def _other(kind: str) -> Callable[..., OtherTensor]:
    return lambda *_: OtherTensor(kind)


def _name(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError("a name that is no text")
    return text


def _size(values: Iterable[int] = ()) -> torch.Size:
    return torch.Size([*map(whole, values)])


def _bytes(text: str = "", encoding: str = "latin1") -> bytes:
    """Return bytes, which protocol 2 writes as a text of latin letters."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("bytes in another encoding")
    return text.encode("latin1")


def _pairs(values: Any = ()) -> OrderedDict:
    return OrderedDict(values)


def _counter(values: Any = ()) -> Counter:
    if not isinstance(values, Mapping) or not all(type(n) is int for n in values.values()):
        raise ValueError("a counter of other things than numbers")
    return Counter(values)


def _set(values: Any = ()) -> set:
    if not isinstance(values, list):
        raise ValueError("a set of something else than a list")
    return set(values)


def _complex(real: Any, imaginary: Any) -> complex:
    return complex(float(real), float(imaginary))


def _device(name: Any, index: Any = 0) -> str:
    """Return a device as a text; all tensors are on the CPU."""
    return f"{_name(name)}:{whole(index)}"


class Unfinished:
    """A value of NumPy's of which the file says the rest later; a class to be called is none."""

    def finish(self, state: Any) -> Any:
        raise NotImplementedError


class _Number(Unfinished):
    """The type of NumPy's numbers, such as ``f8``."""

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or len(name) > 3 or name[:1] not in _NUMPY_KINDS:
            raise UnsafeContentError(f"unsupported global numpy.dtype({name!r})")
        self.dtype = np.dtype(name)

    def finish(self, state: Any) -> _Number:
        """Take over the order of bytes."""
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"{state[1]!r} is no order of bytes")
        self.dtype = self.dtype.newbyteorder(state[1])
        return self


class _Array(Unfinished):
    def __init__(self, *_: Any) -> None:
        """Take no notice of the placeholder's class, shape and type."""

    def finish(self, state: Any) -> np.ndarray:
        """Return an array of numbers; raises ValueError unless the data have its size."""
        _, shape, number, fortran, data = state
        if not isinstance(number, _Number) or not isinstance(data, bytes):
            raise UnsafeContentError("unsupported global: a NumPy array of other things "
                                     "than numbers")
        flat = np.frombuffer(data, number.dtype)
        return flat.reshape([*map(whole, shape)], order="F" if fortran else "C").copy()


def _scalar(number: Any, data: Any) -> np.generic:
    if not isinstance(number, _Number) or not isinstance(data, bytes):
        raise UnsafeContentError("unsupported global: a NumPy scalar that is no number")
    (value,) = np.frombuffer(data, number.dtype)
    return value


_TENSORS = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_qtensor": _other("quantised"),
    "torch._utils._rebuild_sparse_tensor": _other("sparse"),
    "torch._utils._rebuild_nested_tensor": _other("nested"),
    "torch._utils._rebuild_meta_tensor_no_storage": _other("meta"),
    "torch._utils._rebuild_wrapper_subclass": _other("wrapped"),
}
_CALLS = {
    **_TENSORS,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch.serialization._get_layout": _name,
    "torch.Size": _size,
    "torch.device": _device,
    "collections.OrderedDict": _pairs,
    "collections.Counter": _counter,
    "_codecs.encode": _bytes,
    **{f"{module}.{name}": function for module in ("builtins", "__builtin__")
       for name, function in (("bytes", _bytes), ("set", _set), ("complex", _complex))},
    "numpy.dtype": _Number,
    **{f"numpy.{core}.multiarray.{name}": function for core in ("core", "_core")
       for name, function in (("scalar", _scalar), ("_reconstruct", _Array))},
}
CALLABLE = [*_CALLS.values()]
# Classes that are only named, and the ways in which tensors are quantised.
_MENTIONED = ("numpy.ndarray", "torch.Tensor", "torch.nn.parameter.Parameter", "torch.cpu",
              "torch.per_tensor_affine", "torch.per_tensor_symmetric", "torch.per_channel_affine",
              "torch.per_channel_symmetric", "torch.per_channel_affine_float_qparams")
NAMES: dict[str, Any] = {**_CALLS, **{name: name for name in _MENTIONED}}
