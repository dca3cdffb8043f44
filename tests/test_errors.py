"""What is said to users, and how often."""

import multiprocessing
import runpy
import subprocess
import sys

import cv2
import pytest

from aepose.datasets import transforms
from aepose.errors import AeposeWarning, warn_once
from tests.golden_check import ROOT

SCRIPT = """
import warnings
from aepose.cli import run_tool
from aepose.errors import DataError, warn_once

def main(arguments):
    warn_once("the disk is slow")
    warn_once("the disk is slow")
    warnings.warn("somebody else's")
    raise DataError("the disk is broken")

run_tool(main)
"""


@pytest.fixture
def fresh():
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()


@pytest.mark.parametrize(("rank", "worker", "times"), [
    (None, False, 1), ("0", False, 1), ("1", False, 0), (None, True, 0),
])
def test_the_first_process_warns_once(fresh, monkeypatch, recwarn, rank, worker, times):
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    if worker:
        monkeypatch.setattr(multiprocessing, "parent_process", multiprocessing.current_process)
    warn_once("a")
    warn_once("a")
    assert [(w.category, str(w.message)) for w in recwarn] == [(AeposeWarning, "a")] * times


def test_tools_say_warnings_in_one_line():
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "warning: the disk is slow",
        "<string>:9: UserWarning: somebody else's",
        "error: the disk is broken",
    ]


@pytest.mark.parametrize(("version", "warns"), [
    ("4.14.0", False), ("5.0.0", True), ("10.1.0-dev", True),
])
def test_an_opencv_that_warps_otherwise_is_warned_of(fresh, monkeypatch, recwarn, version, warns):
    monkeypatch.setattr(cv2, "__version__", version)
    runpy.run_path(transforms.__file__)
    messages = [str(w.message) for w in recwarn if w.category is AeposeWarning]
    assert [m.startswith(f"OpenCV {version} warps") for m in messages] == [True] * warns
