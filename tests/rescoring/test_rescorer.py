"""Scores that are learnt, on people whose keypoints tell by their scores how wrong they are."""

import copy
import json

import numpy as np
import pytest

from aepose.commands.app import call
from aepose.errors import CheckpointError, ConfigError, DataError, UsageError
from aepose.evaluation import CocoMetric, load_records
from aepose.metainfo import get_metainfo
from aepose.rescoring import Rescorer
from aepose.rescoring.features import KeypointSet, person_features, targets

KEYPOINTS = {"name": "creature", "keypoint_names": ["head", "left", "right"],
             "flip_pairs": [["left", "right"]], "sigmas": [0.05] * 3,
             "skeleton": [["head", "left"], ["head", "right"]]}
PICTURES = 60


def made_up():
    """Annotations of two people per picture, and three found: one of them, badly, a second time.

    Keypoints are the farther off the lower their score; the person's score says nothing.
    """
    random, images, people, found = np.random.RandomState(0), [], [], []
    for image in range(1, PICTURES + 1):
        images.append({"id": image, "width": 400, "height": 200, "file_name": f"{image}.jpg"})
        for left in (20, 220):
            xy = np.array([[left + 80, 20], [left + 40, 160], [left + 120, 160]])
            box = [left + 30, 10, 100, 160]
            people.append({"id": len(people) + 1, "image_id": image, "category_id": 1,
                           "keypoints": np.column_stack([xy, [2, 2, 2]]).ravel().tolist(),
                           "num_keypoints": 3, "bbox": box, "area": 16000, "iscrowd": 0})
            for _ in range(1 + (left == 20)):
                sure = random.uniform(0.1, 1, 3)
                points = xy + random.randn(3, 2) * 40 * (1 - sure[:, None])
                found.append({
                    "image_id": image, "category_id": 1, "score": random.uniform(0.3, 0.7),
                    "keypoints": np.column_stack([points, sure]).ravel().tolist(),
                    "found": [1, 1, int(sure[2] > 0.3)], "tags": [[left / 100.0, 1.0]] * 3})
    return {"images": images, "annotations": people, "categories": [{
        "id": 1, "name": "creature", "keypoints": KEYPOINTS["keypoint_names"]}]}, found


@pytest.fixture(scope="module")
def data():
    return made_up()


def write(data, folder):
    """Annotations, results, the keypoint set and a config as files."""
    for name, content in (("ann", data[0]), ("found", data[1]), ("creature", KEYPOINTS)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "config.py").write_text(
        "metainfo = 'creature.json'\n"
        "codec = dict(type='AssociativeEmbeddingCodec', input_size=64, map_strides=[4])\n"
        "val_dataloader = dict(dataset=dict(type='CocoKeypoints', ann_file='ann.json', "
        "img_dir=''))\nval_evaluator = dict(type='CocoMetric')\n")
    return folder


@pytest.fixture
def files(data, tmp_path):
    return write(data, tmp_path)


def load(files):
    metric = CocoMetric(str(files / "creature.json"), files / "ann.json")
    return metric, load_records(files / "found.json", metric)


@pytest.fixture(scope="module")
def taught(data, tmp_path_factory):
    metric, records = load(write(data, tmp_path_factory.mktemp("taught")))
    return Rescorer.train(records, metric, "")


def half(records, first):
    return [r for r in records if (r["image_id"] <= PICTURES // 2) == first]


def plain(records):
    return [{k: v for k, v in r.items() if k not in ("found", "tags")} for r in records]


@pytest.mark.parametrize("extras", [True, False])
def test_held_out_people_are_ranked_better(files, extras):
    """Either half teaches the other; keypoints and all else stay."""
    metric, records = load(files)
    records = records if extras else plain(records)
    for first in (True, False):
        found = half(records, first)
        before = copy.deepcopy(found)
        rescored = Rescorer.train(half(records, not first), metric, "x.json").apply(found, "x.json")
        assert found == before
        assert [{**r, "score": 0} for r in rescored] == [{**r, "score": 0} for r in found]
        images, ap = sorted({r["image_id"] for r in found}), []
        for scored in (found, rescored):
            metric.records = scored
            ap.append(metric.score(metric.scored[-1], images).stats["AP"])
        assert ap[1] > ap[0] + 0.05


def test_same_bits(files, taught):
    metric, records = load(files)
    same, other = (Rescorer.train(records, metric, "", seed) for seed in (0, 1))
    assert all(np.array_equal(value, same.weights[key]) for key, value in taught.weights.items())
    assert not np.array_equal(taught.weights["line"], other.weights["line"])


def test_a_file_and_back(data, taught, tmp_path):
    taught.save(tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").stat().st_size < 6000
    read = Rescorer.load(tmp_path / "m.safetensors")
    assert (read.keypoints, read.extras) == (taught.keypoints, True)
    assert read.apply(data[1], "") == taught.apply(data[1], "")
    assert read.apply([], "") == []


def test_commands(files, capsys):
    model, out = str(files / "m" / "m.safetensors"), str(files / "r.json")
    found = str(files / "found.json")
    call(["rescore", "train", found, str(files / "ann.json"), "--out", model, "--dataset",
          str(files / "config.py")])
    call(["rescore", "apply", found, "--model", model, "--out", out])
    assert capsys.readouterr().out.splitlines() == [
        f"{model}: learnt from 180 people, with 'found' and 'tags'", f"{out}: 180 people"]
    before, after = (json.loads((files / name).read_text()) for name in ("found.json", "r.json"))
    assert [{**r, "score": 0} for r in after] == [{**r, "score": 0} for r in before]
    assert [r["score"] for r in after] != [r["score"] for r in before]
    with pytest.raises(UsageError, match="is the file that is read"):
        call(["rescore", "apply", found, "--model", model, "--out", found])
    with pytest.raises(UsageError, match=r"m\.json: the model is a \.safetensors file"):
        call(["rescore", "train", found, found, "--out", "m.json"])


def test_features_do_not_know_where(files):
    """Moved and mirrored people have the same features; larger ones but for their size."""
    metric, records = load(files)
    keypoints = KeypointSet.of(metric.metainfo)
    expected = person_features(records, keypoints, True)
    moved, larger = copy.deepcopy(records), copy.deepcopy(records)
    for one, other in zip(moved, larger, strict=True):
        one["keypoints"][::3] = [300 - x for x in one["keypoints"][::3]]
        other["keypoints"][::3] = [2 * x for x in other["keypoints"][::3]]
        other["keypoints"][1::3] = [2 * y for y in other["keypoints"][1::3]]
    np.testing.assert_allclose(person_features(moved, keypoints, True), expected, atol=1e-9)
    difference = person_features(larger, keypoints, True) - expected
    (changed,) = np.flatnonzero(np.abs(difference).max(axis=0) > 1e-9)
    np.testing.assert_allclose(difference[:, changed], np.log(2))


def test_targets(files):
    """One person found has an annotated one to itself; of a crowd nothing is learnt."""
    metric, records = load(files)
    for person in metric.ground_truth.people:
        if person["image_id"] == 2:
            person["iscrowd"] = 1
    metric.ground_truth.people[:] = [
        p for p in metric.ground_truth.people if p["image_id"] != 3]
    oks, known = targets(records, metric)
    assert [(oks[known & (np.array([r["image_id"] for r in records]) == image)] > 0).sum()
            for image in (1, 2, 3, 4)] == [2, 0, 0, 2]
    assert known.sum() == len(records) - 3


def without(key):
    def change(records):
        del records[4][key]
    return change


def put(key, value):
    def change(records):
        records[4][key] = value
    return change


@pytest.mark.parametrize(("change", "message"), [
    (put("image_id", 99), "'image_id' that .* does not know"),
    (put("keypoints", [1.0] * 6), "has 6 values.* 3 keypoints"),
    (without("tags"), "record 4 has no 'found' and 'tags' of 3 keypoints"),
    (put("found", [1, 1]), "record 4 has no 'found' and 'tags'"),
    (put("tags", [[[1.0]]] * 3), "record 4 has no 'found' and 'tags'"),
    (put("tags", [[1.0]] * 3), "record 4 has no 'found' and 'tags'"),
    (list.clear, "none of the 0 people found is one of those annotated"),
])
def test_results_that_teach_nothing(files, data, change, message):
    records = copy.deepcopy(data[1])
    change(records)
    (files / "found.json").write_text(json.dumps(records))
    with pytest.raises(DataError, match=message):
        Rescorer.train(*load(files)[::-1], files / "found.json")


def test_no_annotations(files, data):
    (files / "ann.json").write_text(json.dumps({**data[0], "annotations": []}))
    with pytest.raises(DataError, match="has no annotations to learn from"):
        Rescorer.train(*load(files)[::-1], "x.json")


def test_several_classes(files):
    metric, records = load(files)
    metric.metainfo = get_metainfo({"name": "farm", "classes": {
        "dog": {**KEYPOINTS, "name": "dog"}, "cat": {**KEYPOINTS, "name": "cat"}}})
    with pytest.raises(ConfigError, match="'farm' has several classes"):
        Rescorer.train(records, metric, "x.json")


@pytest.mark.parametrize(("change", "message"), [
    (put("keypoints", [1.0] * 12), "record 4: 'keypoints' must be 9 finite numbers.*another"),
    (put("keypoints", [float("nan")] * 9), "record 4: 'keypoints' must be 9 finite numbers"),
    (without("keypoints"), "record 4: 'keypoints' must be 9"),
    (put("score", float("inf")), "record 4: 'score' is inf"),
    (without("score"), "record 4: 'score' is None"),
    (without("image_id"), "record 4: 'image_id' is None"),
    (without("found"), r"record 4 has no 'found'.*test_evaluator\.extras=True"),
])
def test_results_that_get_no_scores(data, taught, change, message):
    records = copy.deepcopy(data[1])
    change(records)
    with pytest.raises(DataError, match=r"x\.json: " + message):
        taught.apply(records, "x.json")


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is damaged"),
    (lambda path: path.write_text("{}"), "is damaged"),
    (lambda path: path.write_bytes(path.read_bytes().replace(b"limbs", b"limps")),
     "no rescoring model"),
    (lambda path: path.write_bytes(path.read_bytes().replace(b"extras", b"extra_")),
     "no rescoring model"),
    (lambda path: path.write_bytes(path.read_bytes().replace(b"hidden.bias", b"hidden.bios")),
     "no rescoring model of this version"),
])
def test_models_that_cannot_be_read(taught, tmp_path, spoil, message):
    taught.save(tmp_path / "m.safetensors")
    spoil(tmp_path / "m.safetensors")
    with pytest.raises(CheckpointError, match=r"m\.safetensors.*" + message):
        Rescorer.load(tmp_path / "m.safetensors")
