"""The C++ example finds, from pixels, the people that Python finds by the same file, to the bit."""

import shutil
import subprocess

import cv2
import numpy as np
import pytest

import aepose
from aepose.exporting.export import export
from aepose.toy import draw_picture
from aepose.zoo.hub import TOY_CHECKPOINT
from tests.golden_check import ROOT

WIDTH, HEIGHT = 192, 128


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no CMake")
def test_find_people(tmp_path):
    from openvino.utils import get_cmake_path

    run("cmake", "-S", ROOT, "-B", tmp_path / "build", f"-DOpenVINO_DIR={get_cmake_path()}")
    run("cmake", "--build", tmp_path / "build", "--target", "find_people")
    model = export("hrnet_w16_toy_256x256", TOY_CHECKPOINT, tmp_path, "openvino",
                   size=(WIDTH, HEIGHT)).path
    image = np.ascontiguousarray(cv2.resize(draw_picture(1), (WIDTH, HEIGHT)))
    picture = tmp_path / "picture.ppm"
    picture.write_bytes(b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + image.tobytes())
    lines = run(tmp_path / "build" / "find_people", model, picture, "threads=2").splitlines()
    result = aepose.load_model(model).predict(image)
    assert len(result) > 3
    assert sum(line.startswith("person") for line in lines) == len(result)
    joints = np.array([line.split()[:4] for line in lines if line[0] != "p"], np.float32)
    expected = np.dstack([result.keypoints, result.keypoint_scores, result.found])
    assert np.array_equal(joints.reshape(expected.shape), expected.astype(np.float32))
