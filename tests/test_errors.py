"""What is said to users, and how often."""

import multiprocessing
import runpy
import subprocess
import sys
import warnings

import cv2
import pytest

from aepose import images
from aepose.commands.app import call
from aepose.commands.process import run
from aepose.errors import AeposeWarning, warn_once
from tests.golden_check import ROOT

SCRIPT = """
import warnings
from aepose.commands.process import run
from aepose.errors import DataError, warn_once

def main():
    warn_once("the disk is slow")
    warn_once("the disk is slow")
    warnings.warn("somebody else's")
    raise DataError("the disk is broken")

run(main)
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
    runpy.run_path(images.__file__)
    messages = [str(w.message) for w in recwarn if w.category is AeposeWarning]
    assert [m.startswith(f"OpenCV {version} warps") for m in messages] == [True] * warns


def test_a_reader_that_has_enough():
    shell = f"{sys.executable} tools/model_zoo.py list | head -n 1"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    assert done.stderr == ""


PRINTS = ("from aepose.commands.process import run\n"
          "run(lambda: [print('line') for _ in range(10**5)] and None)")


def test_a_pipe_that_breaks():
    done = subprocess.run(["bash", "-c", '"$0" -c "$1" | head -n 1', sys.executable, PRINTS],
                          cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("line\n", "")


@pytest.mark.parametrize("module", ["aepose.startup", "aepose.commands"])
def test_ctrl_c_while_the_rest_is_imported(module):
    code = f"import {module}\nraise KeyboardInterrupt"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == "\nstopped; nothing was done\n"
    assert done.returncode != 0


@pytest.mark.parametrize("arguments", [
    ["eval", "RESULTS", "ANNOTATIONS", "--dataset", "coco"], ["analyze", "RESULTS", "ANNOTATIONS"],
    ["publish", "OUT", "CHECKPOINT"], ["publish", "ANNOTATIONS", "OUT"],
    ["demo", "a.png", "--min-score", "nan"], ["train", "toy", "--seed", "-1"],
])
def test_wrong_arguments_end_in_one_line(toy_root, tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # is put back
    results = tmp_path / "results.json"
    results.write_text('[{"image_id": 1, "category_id": 1, "score": 1, "keypoints": []}]')
    files = {"RESULTS": results, "OUT": tmp_path / "net",
             "ANNOTATIONS": toy_root / "annotations" / "person_keypoints_val2017.json",
             "CHECKPOINT": ROOT / "aepose" / "assets" / "hrnet_w16_toy_256x256.safetensors"}
    with pytest.raises(SystemExit) as left:
        run(lambda: call([str(files.get(argument, argument)) for argument in arguments]))
    assert left.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("error: ")
