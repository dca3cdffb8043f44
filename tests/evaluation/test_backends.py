"""The evaluators that count: they agree, and say what is wrong with them."""

import gzip
import importlib
import json

import numpy as np
import pytest

from aepose.errors import ConfigError
from aepose.evaluation import CocoMetric, CrowdPoseMetric, backends, find_backend
from aepose.evaluation.backends import BACKENDS, installed_backends
from aepose.results import PoseResult
from tests.golden_check import ROOT

GOLDEN = ROOT / "tests" / "golden"
OTHERS = [name for name in BACKENDS if name not in ("auto", "pycocotools")]
METRICS = {
    "aic": ("aic", CocoMetric, {"use_area": False}),
    "crowdpose": ("crowdpose", CrowdPoseMetric, {}),
    "wholebody": ("coco_wholebody", CocoMetric, {}),
}


def read(name):
    with gzip.open(GOLDEN / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture(scope="module")
def pictures():
    return read("evaluate_derived_preds")


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("annotations")
    for name, content in read("evaluate_derived_ann").items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def as_result(picture, num_keypoints):
    scores = np.array(picture["scores"], np.float32)
    rows = np.array(picture["preds"], np.float32).reshape(len(scores), num_keypoints, 3)
    return PoseResult(rows[..., :2], rows[..., 2], scores, np.zeros((*rows.shape[:2], 1)),
                      image_id=picture["image_id"])


def numbers(metric):
    """All metrics, of all parts, at all thresholds."""
    return [*metric.summarise().values(),
            *(v for s in metric.parts.values()
              for v in (*s.stats.values(), *s.ap_per_oks, *s.ar_per_oks))]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("data_set", METRICS)
def test_backends_agree(annotations, pictures, data_set, name):
    if name not in installed_backends():
        pytest.skip(f"{name} is not installed")
    metainfo, kind, options = METRICS[data_set]
    official, other = (kind(metainfo, annotations / f"{data_set}.json", backend=backend, **options)
                       for backend in ("pycocotools", name))
    official.process(None, [as_result(p, official.metainfo.num_keypoints)
                            for p in pictures[f"{data_set}_derived"]])
    official.compute_metrics(official.results)
    other.compute_from_records(official.records)
    assert numbers(other) == pytest.approx(numbers(official), abs=1e-12, rel=0)
    assert official.parts[official.scored[-1].name].stats["AP"] > 0.05


@pytest.mark.parametrize("name", installed_backends())
def test_detections_that_do_not_take_part(annotations, name):
    metric = CocoMetric("aic", annotations / "aic.json", use_area=False, backend=name)
    image = metric.ground_truth.images[0]["id"]
    for score, keypoint_score in ((0.5, 0.0), (float("nan"), 0.5)):
        record = {"image_id": image, "category_id": metric.ground_truth.category_ids[0],
                  "score": score, "bbox": [0, 0, 9, 9], "keypoints": [1, 2, keypoint_score] * 14}
        assert metric.compute_from_records([record])["AP"] == 0


def test_the_fast_one_is_taken_where_it_is_installed():
    expected = "hotcoco" if "hotcoco" in installed_backends() else "pycocotools"
    assert find_backend().name == expected
    assert find_backend("pycocotools").distribution.startswith("pycocotools 2")


def test_one_that_is_not_installed(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(backends.importlib.util, "find_spec",
                        lambda name: None if name == "xtcocotools" else found(name))
    with pytest.raises(ConfigError, match="xtcocotools is not installed; `pip install xtcoco"):
        find_backend("xtcoco")


def test_one_compiled_for_another_numpy(monkeypatch):
    said = []
    load = importlib.import_module

    def broken(name):
        if name == "hotcoco":
            raise ValueError("numpy.dtype size changed")
        return load(name)

    monkeypatch.setattr(backends, "_is_installed", lambda name: True)
    monkeypatch.setattr(backends, "print_log", lambda text, **options: said.append(text))
    monkeypatch.setattr(backends.importlib, "import_module", broken)
    with pytest.raises(ConfigError, match=r"be imported \(numpy.dtype size changed\).*anew"):
        find_backend("hotcoco")
    assert find_backend("auto").name == "pycocotools"
    assert len(said) == 1
    assert "going on with pycocotools" in said[0]


