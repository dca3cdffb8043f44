"""Files made by hand: whatever they ask to have called, nothing is but what is meant to be."""

import io
import itertools
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from aepose.errors import CheckpointError
from aepose.weights.checkpoint import read_checkpoint
from aepose.weights.stored_values import NAMES, STORAGES
from aepose.weights.torch_file import read_torch_file


class Name(str):
    """A global by its dotted name."""


class Call:
    """A call of ``function``, and then, if there is one, of the result's state."""

    def __init__(self, function, *arguments, state=None):
        self.parts = function, arguments, state


class Stored(tuple):
    """Data of a tensor, as the file describes them."""


def assembled(value):
    """Return a value as operations of a pickle."""
    if isinstance(value, Name):
        module, _, name = value.rpartition(".")
        return b"c" + f"{module}\n{name}\n".encode()
    if isinstance(value, Call):
        function, arguments, state = value.parts
        text = assembled(function) + assembled(arguments) + b"R"
        return text if state is None else text + assembled(state) + b"b"
    if isinstance(value, Stored):
        return assembled(tuple(value)) + b"Q"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(assembled, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(assembled, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(assembled(part) for item in value.items() for part in item) + b"u"
    if isinstance(value, bytes):
        return b"U" + bytes([len(value)]) + value
    return pickle.dumps(value, protocol=2)[2:-1]


def write(path, content, data=bytes(16), zipped=True):
    """Write a file whose storage '0' has ``data``."""
    program = b"\x80\x02" + assembled(content) + b"."
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", program)
            archive.writestr("a/data/0", data)
            archive.writestr("a/version", "3")
        return path
    head = [pickle.dumps(part, 2) for part in (
        0x1950A86A20F9469CFC6C, 1001, {"little_endian": sys.byteorder == "little"})]
    tail = pickle.dumps(["0"], 2) + struct.pack("<q", len(data) // 4) + data
    path.write_bytes(b"".join(head) + program + tail)
    return path


def floats(count=4):
    return Stored(("storage", Name("torch.FloatStorage"), "0", "cpu", count))


def tensor(size, stride, offset=0, count=4):
    return Call(Name("torch._utils._rebuild_tensor_v2"), floats(count), offset, size, stride, False,
                Call(Name("collections.OrderedDict")))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_made_by_hand(tmp_path, zipped):
    path = write(tmp_path / "a.pth", {"a": tensor((2, 2), (2, 1))},
                 np.arange(4, dtype=np.float32).tobytes(), zipped)
    assert read_torch_file(path)["a"].tolist() == [[0, 1], [2, 3]]
    if zipped:
        assert torch.load(path, weights_only=True)["a"].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(("size", "stride", "offset", "count"), [
    ((5,), (1,), 0, 4), ((4,), (1,), 1, 4), ((2,), (4,), 0, 4), ((1,), (1,), 4, 4),
    ((10**12,), (1,), 0, 4), ((2,), (-1,), 1, 4), ((-1,), (1,), 0, 4), ((2,), (1,), -1, 4),
    ((2, 2), (1,), 0, 4), ((2**40, 2**40), (0, 0), 0, 4), ((2.5,), (1,), 0, 4),
    ((True,), (1,), 0, 4), (("a",), (1,), 0, 4), ((4,), (1,), 0, 10**15), ((1,), (1,), 0, -1),
    ((5,), (1,), 0, 5), (None, None, 0, 4),
])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_tensor_beyond_its_data(tmp_path, size, stride, offset, count, zipped):
    path = write(tmp_path / "a.pth", {"a": tensor(size, stride, offset, count)}, zipped=zipped)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path)


def test_records_larger_than_the_file(tmp_path):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + assembled({"a": tensor((4,), (1,))}) + b".")
        archive.writestr("a/data/0", bytes(10**6))
    with pytest.raises(CheckpointError, match="its records are compressed"):
        read_checkpoint(path)


def test_a_bomb_of_shared_numbers(tmp_path):
    """An array that repeats one number is small in a file, and may be of any size after it."""
    with pytest.raises(CheckpointError, match="a tensor of size"):
        read_checkpoint(write(tmp_path / "a.pth", {"a": tensor((2**20, 2**20), (0, 0))}))


def test_what_pytorch_writes_is_read(tmp_path):
    content = {
        "state_dict": OrderedDict(a=torch.nn.Parameter(torch.rand(2, 3)), b=torch.tensor(3),
                                  c=torch.rand(4, 4)[1:, ::2], d=torch.rand(3, 2).t(),
                                  e=torch.empty(0, 3)),
        "optimizer": {"state": {0: {"step": torch.tensor(2.0), "exp_avg": torch.rand(2).half()}},
                      "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0]}]},
        "milestones": Counter({3: 1}), "size": torch.Size([1, 2]), "dtype": torch.bfloat16,
        "set": {1, 2}, "bytes": b"\x00\xff", "none": b"", "large": 2**80, "complex": 1 + 2j,
        "mask": torch.tensor([True, False]), "small": torch.rand(3).bfloat16(),
    }
    content["shared"] = content["state_dict"]["c"]
    for zipped in (True, False):
        torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        read = read_torch_file(tmp_path / "a.pth")
        torch.testing.assert_close(
            {k: v.data for k, v in content["state_dict"].items()}, dict(read["state_dict"]),
            rtol=0, atol=0)
        assert read["shared"].data_ptr() == read["state_dict"]["c"].data_ptr()
        torch.testing.assert_close(read["optimizer"]["state"], content["optimizer"]["state"])
        assert torch.equal(read["mask"], content["mask"])
        assert torch.equal(read["small"], content["small"])
        for key in ("milestones", "size", "dtype", "set", "bytes", "none", "large", "complex"):
            assert read[key] == content[key]
            assert type(read[key]) is type(content[key])


ARRAY = Call(Name("numpy._core.multiarray._reconstruct"), Name("numpy.ndarray"), (0,), b"b")
HOSTILE = [
    (), (None,), (-1,), (2**62,), ("O",), ("O8", False, True), ("V8",), ("S9999999",), ([],), ({},),
    (Name("numpy.ndarray"), (1,), "O"), (Name("numpy.dtype"), b"A" * 8), ((1,), "O", b"A" * 8),
    (floats(), 0, (1,), (1,)), (floats(), 2**62, (2**62,), (2**62,), False, None, {"neg": True}),
    (floats(), -1, (-1,), (-1,), True, None, Name("torch.float64")), (b"A" * 8, (8,), (1,), (0,)),
    (floats(), 0, (9,), (1,), (Name("torch.per_tensor_affine"), 0.1, 0), False, None),
    (Name("torch.sparse_coo"), (tensor((4,), (1,)), tensor((4,), (1,)), (2**60,))),
    (tensor((4,), (1,)), tensor((4,), (1,)), tensor((4,), (1,)), tensor((4,), (1,))),
    (Name("torch.float32"), (2**60,), (1,), False), (Name("torch.Tensor"), Name("torch.float32")),
    (Name("torch._utils._rebuild_tensor_v2"), Name("torch.Tensor"), (floats(), 0, (9,), (1,)), {}),
    ("text", "latin1"), ("\u20ac", "latin1"), ("text", "zlib"), ("cuda", 10**9),
    (Call(Name("numpy.dtype"), "f8", False, True, state=(3, "<", None, None, None, -1, -1, 0)),
     b"A" * 7),
    (Call(Name("numpy.dtype"), "f8", state=(3, "|", ("f8", (2**60,)), None, None, -1, -1, 0)),
     b"A" * 8),
    (Call(Name("numpy.dtype"), "f8", state=None), Call(Name("numpy.ndarray"), (1,), "O", b"A" * 8)),
]
STATES = [None, (), 5, {}, {"__code__": 1}, (1, (1,), Name("numpy.ndarray"), False, b"A" * 8),
          (1, (2**60,), Call(Name("numpy.dtype"), "f8"), False, b"A" * 8),
          (1, (-1, 0), Call(Name("numpy.dtype"), "f8"), True, b""), (floats(), 0, (9,), (1,))]


def names():
    return [*NAMES, *(f"torch.{name}" for name in STORAGES), "torch.Tensor", "torch.FloatTensor",
            "torch.sparse.FloatTensor", "builtins.bytearray", "numpy.ndarray", "builtins.getattr",
            "torch._utils._rebuild_device_tensor_from_numpy", "os.system", "functools.partial",
            "torch._utils._rebuild_device_tensor_from_cpu_tensor", "torch.storage.TypedStorage"]


def all_in_one(folder):
    """Read every call with every hostile argument; the process ends here if one of them crashes."""
    tried = itertools.product(names(), HOSTILE, STATES, (True, False))
    for number, (name, arguments, state, zipped) in enumerate(tried):
        if (number % 41 and state is not None) or (number % 3 and not zipped):
            continue  # every call with every argument, and a share with every state
        for content in (Call(Name(name), *arguments, state=state),
                        {Call(Name(name), *arguments, state=state): 1} if number % 11 == 0 else
                        [Name(name), arguments]):
            path = write(folder / "a.pth", {"state_dict": {"a": tensor((4,), (1,))},
                                            "meta": {"value": content}}, zipped=zipped)
            try:
                value = read_checkpoint(path)["meta"]["value"]
            except CheckpointError:
                continue
            repr(value)
            if isinstance(value, (torch.Tensor, np.ndarray)):
                value.sum()
    print("all read")


def mutants(folder, count):
    """Read files of PyTorch with bytes exchanged."""
    rng, buffer = random.Random(0), io.BytesIO()
    for zipped in (True, False):
        buffer.seek(0)
        torch.save({"state_dict": {"a": torch.rand(3, 3), "b": torch.zeros(2).half()},
                    "meta": {"AP": np.float64(0.5), "all": np.arange(3)}}, buffer,
                   _use_new_zipfile_serialization=zipped)
        whole = buffer.getvalue()
        for _ in range(count):
            content = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                content[rng.randrange(len(content))] = rng.randrange(256)
            (folder / "a.pth").write_bytes(content)
            try:
                state = read_checkpoint(folder / "a.pth")["state_dict"]
            except CheckpointError:
                continue
            for value in state.values():
                value.clone()
    print("all read")


@pytest.mark.parametrize("what", ["all_in_one(folder)", "mutants(folder, 400)"])
def test_hostile_files_crash_nothing(tmp_path, what):
    root = Path(__file__).parents[2]
    program = ("import sys, pathlib, warnings; warnings.simplefilter('ignore');"
               "from tests.weights.test_torch_file import all_in_one, mutants;"
               f"folder = pathlib.Path(sys.argv[1]); {what}")
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, text=True,
                          capture_output=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "all read\n"), done.stderr[-2000:]
