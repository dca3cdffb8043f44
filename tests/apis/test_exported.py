"""Exported networks as models: the same calls and results, and one error for what is wrong."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import aepose
from aepose.apis.exported import ExportedModel
from aepose.apis.verify import make_examples, verify
from aepose.commands.app import call
from aepose.errors import CheckpointError, ConfigError, DataError, NumericalError, UsageError
from aepose.runtime import sessions
from tests.runtime.drawn import DESCRIPTION, PEOPLE, picture, write

ENGINES = "onnxruntime", "openvino"
NOSES = [nose for nose, _, _ in PEOPLE]


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "drawn.onnx")


@pytest.fixture
def tried(tmp_path, file):
    """A file with examples."""
    examples = make_examples(aepose.load_model(file), [picture(), picture(PEOPLE[:1])])
    return write(tmp_path / "tried.onnx", replace(DESCRIPTION, examples=examples))


def noses(result):
    return sorted(map(tuple, np.trunc(result.keypoints[:, 0]).astype(int).tolist()))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scales", [(1,), (0.5, 1, 2)])
def test_finds_people(tmp_path, engine, scales):
    path = write(tmp_path / "drawn.onnx", replace(DESCRIPTION, scales=scales))
    model = aepose.load_model(path, engine=engine, threads=1).warm_up((96, 64))
    result = model.predict(picture(), multi_scale=len(scales) > 1, keep_maps=True)
    assert noses(result) == NOSES
    width = 96 if len(scales) == 1 else 128  # a multiple at the smallest scale, too
    assert result.maps.heatmaps.shape == (2, 64, width)
    assert result.maps.tags.shape == (1, 64, width, 1)
    assert set(result.seconds) == {"read", "network", "decode"}
    assert model.metainfo.name == "mouse"


def test_batches_are_pictures_one_by_one(file):
    model = aepose.load_model(file)
    pictures = [picture(PEOPLE[:n % 3], size) for n, size in enumerate(
        [(96, 64), (64, 96), (96, 64), (96, 64), (64, 64)])]
    one_by_one = [model.predict(image) for image in pictures]
    for batched, single in zip(model.predict(pictures, batch_size=3), one_by_one, strict=True):
        assert np.array_equal(batched.keypoints, single.keypoints)
        assert np.array_equal(batched.tags, single.tags)


@pytest.mark.parametrize("engine", ENGINES)
def test_several_threads(file, engine):
    model = aepose.load_model(file, engine=engine)
    pictures = [picture(PEOPLE[: n % 3]) for n in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.predict, pictures))
    assert [len(result) for result in found] == [n % 3 for n in range(24)]


def test_command(file, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.png"), picture()[..., ::-1])
    call(["predict", str(file), str(tmp_path / "a.png"), "--out", str(tmp_path / "out"),
          "--min-score", "0"])
    assert "1 picture, 2 people" in capsys.readouterr().out
    (result,) = aepose.read_results(tmp_path / "out/results.jsonl", DESCRIPTION.metainfo)
    assert noses(result) == NOSES


def test_a_network_without_pictures(file):
    with pytest.raises(UsageError, match="is a network; give the pictures, too"):
        call(["predict", str(file)])


@pytest.mark.parametrize(("options", "message"), [
    ({"engine": "tensorflow"}, "engine = 'tensorflow' is unknown"),
    ({"device": "gpu3000"}, "device = 'gpu3000' is unknown"),
    ({"device": "coreml"}, "this onnxruntime has no CoreMLExecutionProvider"),
    ({"engine": "openvino", "device": "npu"}, "OpenVINO has no such device here"),
    ({"engine": "openvino", "dtype": "int4"}, "OpenVINO computes in"),
    ({"engine": "openvino", "dtype": "bfloat"}, "did you mean 'bfloat16'"),
    ({"dtype": "float16"}, "export it with --half"), ({"threads": 0}, "threads = 0"),
    ({"cfg_options": ["test_time.flip=True"]}, "has no config"),
    ({"checkpoint": "a.pth"}, "which has its weights"),
])
def test_bad_options(file, options, message):
    with pytest.raises(ConfigError, match=message):
        aepose.load_model(file, **options)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_type_that_a_processor_does_not_have(file, monkeypatch, dtype):
    core = SimpleNamespace(available_devices=["CPU"], get_property=lambda *of: ["FP32", "INT8"])
    monkeypatch.setattr(sessions, "_openvino_core", lambda: core)
    with pytest.raises(ConfigError, match=f"{dtype}.*'cpu' does not compute in it"):
        aepose.load_model(file, engine="openvino", dtype=dtype)


def test_an_engine_that_is_missing(file, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"onnxruntime or openvino.*pip install onnxruntime"):
        aepose.load_model(file)


def test_what_a_file_does_not_take(tmp_path, file):
    with pytest.raises(ConfigError, match="one scale alone; export it with --multi-scale"):
        aepose.load_model(file).predict(picture(), multi_scale=True)
    fixed = aepose.load_model(write(tmp_path / "fixed.onnx", replace(DESCRIPTION, size=(96, 64))))
    assert len(fixed.predict(picture())) == 2
    with pytest.raises(DataError, match=r"\(64x96\) goes into the network as 64x96, but .*fixed\."
                                        r"onnx takes 96x64 alone; export it with --dynamic"):
        fixed.predict(picture((), (64, 96)))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_broken_graph(tmp_path, engine):
    path = write(tmp_path / "drawn.onnx")
    path.write_bytes(path.read_bytes().replace(b"Transpose", b"Tronspose"))
    with pytest.raises(CheckpointError, match=r"drawn\.onnx: .* cannot load it") as error:
        aepose.load_model(path, engine=engine)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("engine", ENGINES)
def test_verify(tried, engine, capsys):
    call(["verify", str(tried), "--engine", engine])
    assert "3 of 3 people agree, 0 of 6 keypoints moved" in capsys.readouterr().out


def test_verify_sees_another_network(tmp_path, tried):
    moved = make_examples(aepose.load_model(tried), [picture([((30, 22), (40, 40), 90)])])[0]
    for change in ({"picture": moved["picture"]}, {"maxima": [0.5, 0.5]}):
        example = {**aepose.load_model(tried).description.examples[0], **change}
        path = write(tmp_path / "other.onnx", replace(DESCRIPTION, examples=(example,)))
        with pytest.raises(NumericalError, match=r"other\.onnx does not compute here what it did"):
            verify(ExportedModel(path)).check(path)


@pytest.mark.parametrize("examples", [(), ({},), ({"picture": "", "result": {}, "maxima": []},)])
def test_examples_that_cannot_be_read(tmp_path, examples):
    path = write(tmp_path / "a.onnx", replace(DESCRIPTION, examples=examples))
    with pytest.raises((CheckpointError, DataError), match="example"):
        verify(ExportedModel(path))
