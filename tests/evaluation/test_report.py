"""What a test leaves behind as files, and metrics from files alone."""

import hashlib
import json
from types import SimpleNamespace

import pytest

from aepose.apis.evaluate import cross_check, evaluate, evaluate_file
from aepose.commands.app import call
from aepose.engine.result_hooks import StageTimer
from aepose.errors import ConfigError, DataError
from aepose.evaluation import installed_backends
from aepose.experiment import Experiment, experiment_of_dataset
from aepose.zoo.hub import TOY_CHECKPOINT

CONFIG = "configs/toy/hrnet_w16_toy_256x256.py"
ANNOTATIONS = "annotations/person_keypoints_val2017.json"
# Small maps: these tests are about files.
OPTIONS = ["codec.input_size=128", "test_time.flip=False"]


@pytest.fixture(scope="module")
def tested(toy_root, tmp_path_factory):
    """The folder that a test wrote, and the metrics that it returned."""
    folder = tmp_path_factory.mktemp("tested")
    cfg = Experiment.load(CONFIG, [f"data_root={toy_root}", *OPTIONS])
    found = evaluate(cfg, TOY_CHECKPOINT, folder / "work", out=folder / "new" / "out")
    return folder / "new" / "out", found


def test_files(tested, toy_root):
    folder, found = tested
    assert {path.name for path in folder.iterdir()} == {
        "predictions.json", "metrics.json", "table.md"}
    written = json.loads((folder / "metrics.json").read_text())
    assert written["metrics"] == found.scores["coco"].metrics
    assert written["metrics"]["AP"] > 0.1
    (part,) = written["parts"].values()
    assert part["stats"]["AP"] == written["metrics"]["AP"]
    assert len(part["ap_per_oks"]) == len(part["ar_per_oks"]) == 10
    assert written["data"]["pictures"] == 4
    assert written["data"]["annotations"] == str(toy_root / ANNOTATIONS)
    digest = hashlib.sha256(TOY_CHECKPOINT.read_bytes()).hexdigest()
    assert written["checkpoint"]["sha256"] == digest
    assert written["config"]["file"].endswith("hrnet_w16_toy_256x256.py")
    assert written["config"]["content"]["codec"]["input_size"] == 128
    assert written["scales"] == [1]
    assert {"aepose", "python", "torch", "numpy", "device"} <= set(written["versions"])
    assert written["evaluator"]["backend"]
    seconds = written["seconds"]
    assert set(seconds) == {"load", "people", "metric", "all"}
    assert 0 < sum(seconds.values()) - seconds["all"] <= seconds["all"]


def test_batches_find_the_same_people(tested, toy_root, tmp_path):
    """In the order of the annotation file, although pictures go in by size."""
    folder, found = tested
    cfg = Experiment.load(CONFIG, [f"data_root={toy_root}", *OPTIONS])
    seen = []
    together = evaluate(cfg, TOY_CHECKPOINT, tmp_path / "work", batch_size=3, out=tmp_path / "out",
                        on_result=lambda result: seen.append(result.image_id))
    assert together.metrics == pytest.approx(found.metrics, abs=1e-3)
    expected, again = (json.loads((path / "predictions.json").read_text())
                       for path in (folder, tmp_path / "out"))
    assert [r["image_id"] for r in again] == [r["image_id"] for r in expected]
    for one, other in zip(expected, again, strict=True):
        # This network runs in bfloat16, whose last digit depends on the batch.
        assert other["score"] == pytest.approx(one["score"], abs=0.02)
    images = json.loads((toy_root / ANNOTATIONS).read_text())["images"]
    assert sorted(seen) == sorted(i["id"] for i in images)


def test_the_row_has_the_published_columns(tested):
    header, _, row = (tested[0] / "table.md").read_text().splitlines()
    assert [cell.strip() for cell in header.split("|")][2:7] == ["AP", "AP50", "AP75", "AR", "AR50"]
    assert [cell.strip() for cell in row.split("|")][1:3] == [
        "single-scale", f"{tested[1].metrics['coco/AP']:.3f}"]


def test_predictions_are_coco_results(tested):
    people = json.loads((tested[0] / "predictions.json").read_text())
    assert len(people) > 4
    for person in people:
        assert set(person) == {"image_id", "category_id", "keypoints", "score", "bbox"}
        assert len(person["keypoints"]) == 51
        assert isinstance(person["image_id"], int)


@pytest.mark.parametrize("backend", installed_backends())
def test_the_same_from_files_alone(tested, toy_root, backend):
    folder, found = tested
    (metric,), again, seconds = evaluate_file(
        experiment_of_dataset("coco"), toy_root / ANNOTATIONS, folder / "predictions.json", backend)
    assert again.metrics == pytest.approx(found.metrics, abs=1e-12, rel=0)
    assert again.scores["coco"].columns == found.scores["coco"].columns
    assert metric.backend.name == backend
    assert all(value > 0 for value in seconds.values())


def test_cross_check(tested, toy_root):
    metrics, *_ = evaluate_file(experiment_of_dataset("coco"), toy_root / ANNOTATIONS,
                                tested[0] / "predictions.json")
    assert list(cross_check(metrics)) == installed_backends()
    assert max(cross_check(metrics).values()) <= 1e-12
    metrics[0].parts["keypoints"].stats["AP"] += 1e-6
    assert min(cross_check(metrics).values()) == pytest.approx(1e-6, abs=1e-9)


def test_pictures_without_annotations(toy_root, tmp_path):
    """As the files of test servers: predictions are written, the metric is skipped."""
    content = json.loads((toy_root / ANNOTATIONS).read_text())
    del content["annotations"]
    (tmp_path / "image_info.json").write_text(json.dumps(content))
    cfg = Experiment.load(CONFIG, [
        f"data_root={toy_root}", f"val_dataloader.dataset.ann_file={tmp_path / 'image_info.json'}",
        *OPTIONS])
    found = evaluate(cfg, TOY_CHECKPOINT, tmp_path / "work", out=tmp_path / "out")
    assert found.metrics == {}
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_text())) > 4
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["metrics"] == {}
    assert not (tmp_path / "out" / "table.md").exists()


@pytest.mark.parametrize(("name", "metainfo", "metric"), [
    ("coco", "coco", "CocoMetric"),
    ("crowdpose", "crowdpose", "CrowdPoseMetric"),
    ("coco_wholebody", "coco_wholebody", "CocoMetric"),
    ("higherhrnet_w32_aic_512x512", "aic", "CocoMetric"),
    (CONFIG, "coco", "CocoMetric"),
])
def test_metric_of_a_data_set(name, metainfo, metric):
    experiment = experiment_of_dataset(name)
    assert experiment.metainfo.name == metainfo
    assert experiment.to_dict()["val_evaluator"]["type"] == metric


@pytest.mark.parametrize(("name", "message"), [
    ("crowd_pose", "data set 'crowd_pose' is unknown; did you mean 'crowdpose'"),
    ("none.py", "config none.py does not exist"),
])
def test_unknown_data_set(name, message):
    with pytest.raises(ConfigError, match=message):
        experiment_of_dataset(name)


def test_stages_of_a_test():
    times = iter([10, 13, 17, 25])
    timer = StageTimer(lambda: next(times))
    runner = SimpleNamespace(test_loop=SimpleNamespace(waited=1.5))
    timer.before_test_epoch(runner)
    for batch in range(2):
        timer.after_test_iter(runner, batch)
    timer.after_test_epoch(runner)
    assert timer.seconds == {"load": 1.5, "people": 5.5, "metric": 8}


def test_tool(tested, toy_root, tmp_path, capsys):
    call(["eval", str(toy_root / ANNOTATIONS), str(tested[0] / "predictions.json"), "--dataset",
          "coco", "--cross-check", "--backend", "pycocotools", "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert f"{tested[1].metrics['coco/AP']:.3f}" in printed
    assert "pycocotools: differs by 0.0e+00" in printed
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["metrics"] == pytest.approx(tested[1].scores["coco"].metrics, abs=1e-12)
    assert written["results"]["file"].endswith("predictions.json")


def test_tool_without_annotations(tested, toy_root, tmp_path):
    content = {**json.loads((toy_root / ANNOTATIONS).read_text()), "annotations": []}
    (tmp_path / "empty.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"empty\.json has no annotations to compare with"):
        call(["eval", str(tmp_path / "empty.json"), str(tested[0] / "predictions.json"),
              "--dataset", "coco"])
