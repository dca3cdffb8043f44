"""What exported files say of themselves: written, read again, and refused where it is wrong."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from aepose.codecs.decoder import Decoder
from aepose.errors import CheckpointError
from aepose.metainfo import get_metainfo
from aepose.runtime.description import FORMAT, Description
from aepose.runtime.files import is_exported, read_description
from tests.runtime.drawn import DESCRIPTION, write

TEXT = DESCRIPTION.to_text()


@pytest.mark.parametrize("metainfo", ["coco", "coco_wholebody", "crowdpose", {
    "name": "both", "classes": {"person": "coco", "worker": "aic"}}])
def test_is_read_as_written(metainfo):
    written = replace(DESCRIPTION, metainfo=get_metainfo(metainfo), size=(96, 64),
                      examples=({"picture": "x"},), scales=(0.5, 1, 2))
    read = Description.parse(written.to_text(), "file")
    assert read == written
    assert read.decoder() == Decoder(metainfo=written.metainfo, **written.codec)


@pytest.mark.parametrize(("change", "message"), [
    ("{", "it is no JSON"), ("[]", "it is no object"), ({"format": None}, "'format' is missing"),
    ({"format": FORMAT + 1, "version": "9.0"}, f"aepose 9.0 in format {FORMAT + 1}.*update aepose"),
    ({"metainfo": 3}, "metainfo = 3 is not a known"), ({"codec": {"input_size": 0}}, "input_size"),
    ({"codec": {"inputs": 0}}, "inputs"), ({"codec": 3}, "mapping"), ({"scales": []}, "scales"),
    ({"scales": [2, 3]}, "scales"), ({"size": [0, 64]}, "size"), ({"size": 64}, "size"),
    ({"map_stride": 0}, "map_stride"), ({"flip": 1}, "flip"), ({"examples": 1}, "examples"),
])
def test_refuses_what_is_wrong(change, message):
    text = change if isinstance(change, str) else json.dumps({**json.loads(TEXT), **change})
    with pytest.raises(CheckpointError, match=message) as error:
        Description.parse(text, "a.onnx")
    assert "a.onnx" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", sorted(set(json.loads(TEXT)) - {"format"}))
def test_names_what_is_missing(name):
    content = json.loads(TEXT)
    del content[name]
    with pytest.raises(CheckpointError, match=f"it lacks {name}"):
        Description.parse(json.dumps(content), "a.onnx")


def test_files(tmp_path):
    path = write(tmp_path / "a.onnx")
    assert is_exported(path)
    assert not is_exported("a.pth")
    assert read_description(path) == DESCRIPTION
    whole = path.read_bytes()
    for name, content, message in [
        ("empty", b"", "empty file"), ("half", whole[: len(whole) // 2], "cut short"),
        ("nearly", whole[:-1], "cut short"),
        ("picture", b"\x89PNG\r\n\x1a\n" + bytes(90), "no ONNX"),
    ]:
        bad = tmp_path / f"{name}.onnx"
        bad.write_bytes(content)
        with pytest.raises(CheckpointError, match=message) as error:
            read_description(bad)
        assert bad.name in str(error.value)
    foreign = write(tmp_path / "foreign.onnx", metadata={"author": "somebody"})
    with pytest.raises(CheckpointError, match=r"not written by `aepose export`.*only author"):
        read_description(foreign)
    with pytest.raises(CheckpointError, match="no such exported network"):
        read_description(tmp_path / "missing.onnx")


def test_openvino_files(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<net><rt_info><other value='1'/></rt_info></net>")
    with pytest.raises(CheckpointError, match=r"a\.bin is missing"):
        read_description(path)
    path.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match="not written by"):
        read_description(path)
    path.write_text("<net><rt_info>")
    with pytest.raises(CheckpointError, match="cut short"):
        read_description(path)


# Everything that is not NumPy, OpenCV, onnxruntime, or comes with Python.
WITHOUT = """
import sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *where):
        hidden = name.partition(".")[0] in {*MISSING}
        return None if hidden else self.finder.find_spec(name, *where)

sys.meta_path[:] = map(Hiding, sys.meta_path)
import numpy as np
import aepose
from aepose.apis.verify import verify
from tests.runtime.drawn import picture

print(aepose.__file__)
model = aepose.load_model(sys.argv[1])
for result in model.predict([picture(), picture()], batch_size=2):
    assert len(result) == 2, result
    result.save(sys.argv[2])
assert not {*MISSING} & {name for name in sys.modules if sys.modules[name] is not None}
try:
    aepose.load_model("higherhrnet_w32_coco_512x512")
except aepose.errors.ConfigError as error:
    assert "needs torch, which is not installed" in str(error), error
else:
    raise AssertionError
"""
MISSING = ["torch", "torchvision", "mmengine", "mmcv", "PIL", "av", "rich", "cyclopts", "onnx",
           "json_tricks", "munkres", "matplotlib", "scipy", "pycocotools", "hotcoco", "safetensors",
           "tensorboard", "pandas"]


def run_without_pytorch(folder, *paths):
    """Run that program where modules are looked for in ``paths`` first; return its output."""
    program = WITHOUT.replace("{*MISSING}", repr(set(MISSING)))
    done = subprocess.run(
        [sys.executable, "-c", program, write(folder / "a.onnx"), folder / "a.png"], cwd=folder,
        capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, paths), *sys.path])})
    assert done.returncode == 0, done.stderr[-2000:]
    assert (folder / "a.png").stat().st_size > 100
    return done.stdout


def test_runs_without_pytorch(tmp_path):
    run_without_pytorch(tmp_path)


