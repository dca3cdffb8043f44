import subprocess
import sys

import pytest

from aepose.malloc import keep_freed_memory, return_freed_memory

# Prints how many pages the system had to provide for the last of equal tensors; between the first
# ones small things come to lie, until there is a hole that is large enough.
KEPT = """
import resource
import torch
from aepose.malloc import keep_freed_memory

assert keep_freed_memory()
for _ in range(30):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
# Prints how many MiB more are in use when tensors of ever larger sizes are freed, and small things
# made beside them are not.
RETURNED = """
import re
from pathlib import Path
import torch
from aepose.malloc import return_freed_memory

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

assert return_freed_memory()
torch.ones(2**22).sum()
before, left = resident(), []
for size in range(2, 9):
    maps = [torch.ones(size * 2**19) for _ in range(8)]
    left.append([bytes(1000) for _ in range(1000)])
    del maps
print(resident() - before)
"""
BOTH = pytest.mark.parametrize("function", [keep_freed_memory, return_freed_memory])


@pytest.mark.skipif(sys.platform != "linux", reason="sets the C library of Linux")
@pytest.mark.parametrize(("program", "most"), [
    (KEPT, 100),         # pages of 16384
    (RETURNED, 15),      # MiB; 33 without the call
])
def test_what_becomes_of_freed_memory(program, most):
    # In a process of its own: there is no way back.
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not run.returncode, run.stderr
    assert float(run.stdout) < most


@BOTH
@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_",
                                  "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"])
def test_the_user_has_the_last_word(monkeypatch, function, name):
    monkeypatch.setenv(name, "131072")
    assert function() is False


@BOTH
@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems(monkeypatch, function, platform):
    monkeypatch.setattr(sys, "platform", platform)
    assert function() is False


@BOTH
def test_other_c_libraries(monkeypatch, function):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert function() is False
