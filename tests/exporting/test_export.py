"""Files of the network that ships: what they find, and what is wrong with what was asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import openvino
import pytest

import aepose
from aepose.apis.evaluate import evaluate
from aepose.apis.inference import PoseInferencer
from aepose.commands.app import call
from aepose.errors import ConfigError, DataError, NumericalError
from aepose.evaluation.agreement import agreement
from aepose.experiment import Experiment
from aepose.exporting.export import export
from aepose.exporting.parity import LIMITS, Limits, Truth
from aepose.exporting.pictures import choose_pictures
from aepose.runtime.mixed import split_end
from aepose.toy import draw_picture, make_toy_dataset
from aepose.zoo.hub import TOY_CHECKPOINT
from tests.golden_check import ROOT
from tests.runtime.drawn import DESCRIPTION

NAME = "hrnet_w16_toy_256x256"
ENGINES = "onnxruntime", "openvino"


def export_toy(out, **options):
    return export(NAME, TOY_CHECKPOINT, out, **options)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy_dataset(tmp_path_factory.mktemp("toy") / "toy", 4, 8)


@pytest.fixture(scope="module")
def annotations(toy):
    return toy / "annotations" / "person_keypoints_val2017.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory, toy, annotations):
    """The one export of most tests: any size, float32, with flip test, as the config tests."""
    return export_toy(tmp_path_factory.mktemp("export"), flip=True, pictures=toy / "val2017",
                      annotations=annotations, strict=True)


@pytest.fixture
def traced(made, monkeypatch):
    """Exports take the graph that was made already: tracing takes most of their time."""
    monkeypatch.setattr("aepose.exporting.export.make_onnx", lambda *_, **__: onnx.load(made.path))


@pytest.fixture(scope="module")
def tested(tmp_path_factory, toy):
    """Return a function that tests a checkpoint or a file."""
    def run(weights, options=(), **given):
        experiment = Experiment.load(NAME, [f"data_root={toy}", *options])
        return evaluate(experiment, weights, tmp_path_factory.mktemp("work"), **given)

    return run


def test_maps_and_people_are_those_of_the_network(made):
    source = PoseInferencer(NAME, TOY_CHECKPOINT, "cpu")
    for engine in ENGINES:
        model = aepose.load_model(made.path, engine=engine)
        for image in (draw_picture(7), draw_picture(8)[:180, :300]):
            expected, found = (one.predict(image, keep_maps=True) for one in (source, model))
            for name in ("heatmaps", "tags"):
                a, b = (np.asarray(getattr(one.maps, name)) for one in (expected, found))
                assert a.shape == b.shape
                assert np.abs(a - b).max() <= 1e-4 * np.abs(a).max()
            assert agreement(expected, found).share == 1


def test_the_end_of_a_network_and_what_comes_before(made):
    """Both in float32 compute what the whole does; few values go from one to the other."""
    core = openvino.Core()
    whole = core.read_model(made.path)
    feed = {"image": np.stack([draw_picture(7)[:256, :256]])}
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    expected = core.compile_model(whole, "CPU", settings)(feed)
    first, end = (core.compile_model(part, "CPU", settings) for part in split_end(whole))
    assert len(first.outputs) < 20
    given = first(feed)
    values = feed | {name: given[place] for place in first.outputs for name in place.names}
    found = end({name: values[name] for place in end.inputs for name in place.names
                 if name in values})
    for name in ("heatmaps", "tags"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4)


@pytest.mark.skipif(
    "ONEDNN_MAX_CPU_ISA" in os.environ,
    reason="OpenVINO asks the processor, not this variable, what there is, and is killed")
def test_in_bfloat16_maps_do_not_become_steps(made):
    """Of equal values side by side each would be a peak, and somebody's."""
    try:
        model = aepose.load_model(made.path, engine="openvino", dtype="bfloat16")
    except ConfigError as error:
        pytest.skip(str(error))
    exact = aepose.load_model(made.path, engine="openvino")
    images = [draw_picture(seed) for seed in (2, 7, 8)]
    for image in images:
        expected, found = (one.predict(image, keep_maps=True) for one in (exact, model))
        assert np.abs(found.maps.heatmaps - expected.maps.heatmaps).max() < 0.05
        assert len(np.unique(found.maps.heatmaps)) > 0.9 * len(np.unique(expected.maps.heatmaps))
        assert abs(len(found) - len(expected)) <= 2


def test_the_comparison(made):
    first, *others = made.parity.sides
    assert [side.name for side in made.parity.sides] == ["PyTorch", *ENGINES]
    assert made.parity.pictures == 8
    assert first.found.first > 20
    for side in made.parity.sides:
        assert side.ap == pytest.approx(first.ap, abs=1e-3)
        assert side.milliseconds > 0
        assert side.memory is None or side.memory > 0
    for side in others:
        assert 0 < side.heatmaps < 1e-4
        assert 0 < side.tags < 1e-4
    assert f"| {first.ap:.3f} |" in made.parity.table()


def test_it_is_tested_like_a_checkpoint(made, toy, tmp_path):
    """As users do it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "test.py", ROOT / f"configs/toy/{NAME}.py", made.path,
         "--batch-size", "4", "--out", tmp_path / "out", "--work-dir", tmp_path / "work",
         "--cfg-options", f"data_root={toy}"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr[-2000:]
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["checkpoint"]["file"] == str(made.path)
    assert written["metrics"]["AP"] == pytest.approx(made.parity.sides[0].ap, abs=1e-3)
    assert len({row["image_id"] for row in json.loads(
        (tmp_path / "out" / "predictions.json").read_text())}) == 8


@pytest.mark.parametrize(("option", "message"), [
    ("test_time.flip=False", "flip = True, but the config says False: export it again without "
     "--flip, or test it as it is, with --cfg-options test_time.flip=True"),
    ("test_time.scales=[0.5,1]", r"scales = \[1\], .* export it again with --multi-scale"),
    ("codec.input_size=192", r"codec\.input_size = \[256, 256\], but the config says \[192, 192\]"),
    ("metainfo=crowdpose", "metainfo"),
    ("test_time.outputs_first=True", "outputs_first = False, but the config says True"),
])
def test_a_file_that_is_not_the_configs(tested, made, option, message):
    with pytest.raises(ConfigError, match=message):
        tested(made.path, [option])


def test_nothing_in_it_tells_of_the_machine(made):
    content = made.path.read_bytes()
    told = [path for path in (str(ROOT), "site-packages", str(Path.home()), "forward")
            if path.encode() in content]
    assert not told
    assert [entry.key for entry in onnx.load(made.path).metadata_props] == ["aepose"]


@pytest.mark.parametrize(("options", "message"), [
    ({"format": "coreml"}, "format = 'coreml'"),
    ({"size": (256, 256), "multi_scale": True}, "size and multi_scale"),
    ({"size": (250, 256)}, "size"), ({"int8": True}, "int8 needs pictures"),
    ({"calibrate": "."}, "calibrate is for int8"),
    ({"int8": True, "half": True, "calibrate": "."}, "int8 and half"),
    ({"annotations": "a.json"}, "annotations are of pictures"),
])
def test_bad_options(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        export_toy(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_without_nncf(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ConfigError, match=r"int8 needs nncf.*pip install"):
        export_toy(tmp_path, int8=True, calibrate=".")


@pytest.mark.parametrize(("folder", "options", "message"), [
    ("empty", {}, "empty"), ("missing", {}, "missing"),
    ("toy", {"size": (64, 640)}, "pictures .* has no picture that goes into the network as 64x640"),
])
def test_pictures_that_cannot_be_used(tmp_path, toy, folder, options, message):
    (tmp_path / "empty").mkdir()
    pictures = toy / "val2017" if folder == "toy" else tmp_path / folder
    if folder == "missing":
        pictures = f"{pictures}/*.jpg"
    with pytest.raises(DataError, match=message):
        export_toy(tmp_path / "out", pictures=pictures, **options)
    assert not list((tmp_path / "out").iterdir())


def test_two_pictures_of_one_name(tmp_path, toy, annotations):
    content = json.loads(annotations.read_text())
    first = content["images"][0]
    content["images"].append({**first, "id": 10**6, "file_name": f"other/{first['file_name']}"})
    twice = tmp_path / "twice.json"
    twice.write_text(json.dumps(content))
    pictures = choose_pictures(toy / "val2017", DESCRIPTION, "pictures").pictures
    with pytest.raises(DataError, match=f"2 pictures called {first['file_name']}"):
        Truth(twice, pictures)


@pytest.mark.slow
def test_a_strict_export_that_fails_leaves_nothing(tmp_path, traced, monkeypatch):
    monkeypatch.setitem(LIMITS, "float32", Limits(0.0, 0.99, 0.001))
    with pytest.raises(NumericalError, match=r"is not written.*heatmaps of onnxruntime are off"):
        export_toy(tmp_path, flip=True, strict=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_half(tmp_path, traced):
    found = export_toy(tmp_path, flip=True, half=True)
    assert not found.parity.problems()
    halves = onnx.TensorProto.FLOAT16
    assert halves in {weight.data_type for weight in onnx.load(found.path).graph.initializer}


@pytest.mark.slow
@pytest.mark.parametrize("options", [
    {"half": True, "format": "openvino", "size": (320, 256)}, {"multi_scale": True},
])
def test_kinds(tmp_path, options):
    found = export_toy(tmp_path, **options)
    assert not found.parity.problems()
    assert found.path.suffix == (".xml" if "format" in options else ".onnx")
    assert found.parity.sides[-1].name == "openvino"


@pytest.mark.slow
def test_int8(tmp_path, toy, annotations, capsys):
    """By the command; of two sizes of pictures a file of one size takes one."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for seed in range(16):
        image = draw_picture(seed)
        cv2.imwrite(str(pictures / f"{seed}.png"),
                    cv2.resize(image, (384, 256) if seed else (256, 384)))
    call(["export", NAME, str(TOY_CHECKPOINT), "--int8", "--calibrate", str(pictures), "--size",
          "384x256", "--pictures", str(pictures), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert "15 pictures, int8; 1 left out" in said
    model = aepose.load_model(tmp_path / "out" / f"{NAME}.onnx")
    assert model.description.precision == "int8"
    assert {"QuantizeLinear", "DequantizeLinear"} <= {
        node.op_type for node in onnx.load(model.path).graph.node}
    assert model.path.stat().st_size < 0.5 * TOY_CHECKPOINT.stat().st_size
