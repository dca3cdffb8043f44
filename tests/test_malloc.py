import subprocess
import sys

import pytest

from aepose.malloc import keep_freed_memory

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
@pytest.mark.skipif(sys.platform != "linux", reason="sets the C library of Linux")
def test_freed_memory_is_kept():
    # In a process of its own: there is no way back.
    run = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True)
    assert not run.returncode, run.stderr
    assert int(run.stdout) < 100  # pages of 16384


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
