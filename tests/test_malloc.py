import subprocess
import sys

import pytest

from aepose.malloc import give_back_freed_memory, keep_freed_memory

# Prints how many pages the system had to provide for the last of equal tensors; between the first
# ones small things come to lie, until there is a hole that is large enough.
PROGRAM = """
import resource
import torch
from aepose.malloc import keep_freed_memory

assert keep_freed_memory()
for _ in range(30):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets the C library of Linux")
def test_freed_memory_is_kept():
    # In a process of its own: there is no way back.
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert not run.returncode, run.stderr
    assert int(run.stdout) < 100          # of 16384


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_",
                                  "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"])
def test_the_user_has_the_last_word(monkeypatch, name):
    monkeypatch.setenv(name, "131072")
    assert keep_freed_memory() is False


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    assert keep_freed_memory() is False


def test_other_c_libraries(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False


RETURNS = """
import re
from pathlib import Path
import torch
from aepose.malloc import give_back_freed_memory

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

# Every second one is freed; the others keep the heap as long as it is.
tensors = [torch.ones(2**14) for _ in range(2000)]
del tensors[::2]
before = resident()
give_back_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets the C library of Linux")
def test_pieces_are_given_back():
    run = subprocess.run([sys.executable, "-c", RETURNS], capture_output=True, text=True)
    assert not run.returncode, run.stderr
    assert float(run.stdout) > 30           # MiB of 62


def test_nothing_to_give_back_with(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    give_back_freed_memory()
