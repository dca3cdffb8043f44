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


def tool(name, *arguments, **options):
    return subprocess.run([sys.executable, str(ROOT / "tools" / name), *map(str, arguments)],
                          cwd=ROOT, capture_output=True, text=True, check=False, **options)


def test_a_reader_that_has_enough():
    shell = f"{sys.executable} tools/model_zoo.py list | head -n 1"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    assert done.stderr == ""


PRINTS = ("from aepose.cli import run_tool\n"
          "run_tool(lambda arguments: [print('line') for _ in range(10**5)])")


def test_a_pipe_that_breaks():
    done = subprocess.run(["bash", "-c", '"$0" -c "$1" | head -n 1', sys.executable, PRINTS],
                          cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("line\n", "")


def test_ctrl_c_while_the_tools_are_imported():
    code = "import aepose.startup\nraise KeyboardInterrupt"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == "\nstopped; nothing was done\n"
    assert done.returncode != 0


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "tools").glob("*.py")))
def test_tools_import_that_first(name):
    text = (ROOT / "tools" / name).read_text()
    imports = [line for line in text.splitlines() if line.startswith(("import aepose", "from aep"))]
    assert not imports or imports[0].startswith("import aepose.startup")


@pytest.mark.parametrize(("name", "arguments", "said"), [
    ("demo.py", ["a.png", "--min-score", "nan"], "'nan' is not a finite number"),
    ("train.py", ["toy", "--seed", "-1"], "--seed"),
    ("train.py", ["toy", "--seed", "4294967296"], "is not a whole number from 0 to 4294967295"),
])
def test_numbers_that_are_none(name, arguments, said):
    done = tool(name, *arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("name", "arguments"), [
    ("eval_results.py", ["RESULTS", "ANNOTATIONS", "--dataset", "coco"]),
    ("analyze_errors.py", ["RESULTS", "ANNOTATIONS"]),
    ("publish_model.py", ["OUT", "CHECKPOINT"]), ("publish_model.py", ["ANNOTATIONS", "OUT"]),
])
def test_swapped_arguments(toy_root, tmp_path, name, arguments):
    results = tmp_path / "results.json"
    results.write_text('[{"image_id": 1, "category_id": 1, "score": 1, "keypoints": []}]')
    files = {"RESULTS": results, "OUT": tmp_path / "net",
             "ANNOTATIONS": toy_root / "annotations" / "person_keypoints_val2017.json",
             "CHECKPOINT": ROOT / "aepose" / "assets" / "hrnet_w16_toy_256x256.safetensors"}
    done = tool(name, *(files.get(argument, argument) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("error: ")
