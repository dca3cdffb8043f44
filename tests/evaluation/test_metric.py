"""Metrics of one's own, and several side by side."""

import json

import pytest
from mmengine.evaluator import BaseMetric

from aepose.apis.evaluate import evaluate, evaluate_file
from aepose.apis.train import train
from aepose.commands.app import call
from aepose.errors import AeposeWarning, ConfigError
from aepose.evaluation import PoseMetric
from aepose.evaluation.metric import split_scores
from aepose.experiment import Experiment
from aepose.registry import METRICS
from aepose.zoo.hub import TOY_CHECKPOINT

COCO = {"type": "CocoMetric"}


@METRICS.register_module()
class CountPeople(PoseMetric):
    """People per image; it declares its columns and what it saves."""

    columns = ("people",)

    def __init__(self, metainfo, unit=1.0, prefix=None):
        super().__init__(prefix=prefix)
        self.keypoints, self.unit = metainfo.num_keypoints, unit

    def process(self, data_batch, data_samples):
        self.results += [len(result) for result in data_samples]

    def compute_metrics(self, results):
        self.counts = results
        return {"people": sum(results) * self.unit, "keypoints": self.keypoints}

    def files(self):
        return {"counts.json": self.counts}

    def facts(self):
        return {"unit": self.unit}


@METRICS.register_module()
class OnlyTheEngines(BaseMetric):
    """Knows nothing of this project."""

    def process(self, data_batch, data_samples):
        self.results += [1 for _ in data_samples]

    def compute_metrics(self, results):
        return {"seen": len(results)}


@pytest.fixture
def experiment(toy_root):
    def make(*metrics):
        toy = Experiment.load("configs/toy/hrnet_w16_toy_256x256.py", [
            f"data_root={toy_root}", "codec.input_size=128", "test_time.flip=False"])
        return toy.changed({"val_evaluator": metrics[0] if len(metrics) == 1 else list(metrics)})

    return make


def test_several_side_by_side(experiment, tmp_path):
    both = experiment(COCO, {"type": "CountPeople"}, {**COCO, "prefix": "again", "nms": "oks"})
    found = evaluate(both, TOY_CHECKPOINT, tmp_path / "work", out=tmp_path / "out")
    assert list(found.scores) == ["coco", "", "again"]
    assert found.scores[""].metrics == {"people": found.metrics["people"], "keypoints": 17}
    counts = json.loads((tmp_path / "out" / "counts.json").read_text())
    predictions = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert sum(counts) == found.metrics["people"] == len(predictions) > 4
    assert (tmp_path / "out" / "again_predictions.json").is_file()
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["metrics"] == found.metrics
    assert written["evaluators"][""] == {"unit": 1.0}
    assert set(written["evaluators"]["again"]) == {"parts", "data", "evaluator"}
    tables = (tmp_path / "out" / "table.md").read_text().split("\n\n")
    assert [table.splitlines()[0].split("|")[2].strip() for table in tables] == [
        "AP", "people", "AP"]
    summary = json.loads((tmp_path / "work" / "metrics.json").read_text())
    assert summary["columns"][""] == ["people"]


@pytest.mark.parametrize(("metric", "numbers"), [
    ({"type": "CountPeople", "unit": 0.0}, {"people": 0.0, "keypoints": 17}),
    ({"type": "OnlyTheEngines", "prefix": "engine"}, {"engine/seen": 4}),
])
def test_one_of_ones_own_alone(experiment, tmp_path, metric, numbers):
    found = evaluate(experiment(metric), TOY_CHECKPOINT, tmp_path / "work", out=tmp_path / "out")
    assert found.metrics == numbers
    header, _, row = found.table("mine").splitlines()
    assert [c.strip() for c in header.strip("|").split("|")][1:] == [
        next(iter(numbers)).rpartition("/")[2]]
    assert row.startswith("| mine |")
    plain = {name.rpartition("/")[2]: value for name, value in numbers.items()}
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["metrics"] == plain


def test_the_best_checkpoint_by_ones_own(tiny_config, tmp_path):
    train(tiny_config("own_best", [
        "val_evaluator={'_delete_': True, 'type': 'CountPeople', 'prefix': 'mine'}",
        "default_hooks.checkpoint.save_best=mine/people", "train_cfg.max_epochs=1"]), tmp_path)
    assert (tmp_path / "best.pth").is_file()
    assert (tmp_path / "counts.json").is_file()
    assert not (tmp_path / "predictions.json").exists()


def test_a_best_number_that_the_metric_does_not_give(tiny_config, tmp_path):
    """The training goes on without; its checkpoints are there."""
    train(tiny_config("no_best", ["default_hooks.checkpoint.save_best=coco/APP",
                                  "train_cfg.max_epochs=1"]), tmp_path)
    assert (tmp_path / "last.pth").is_file()
    assert not (tmp_path / "best.pth").exists()
    (log,) = tmp_path.glob("*/*.log")
    assert "save_best = 'coco/APP': validation gives" in log.read_text()


def test_equal_prefixes(experiment):
    with pytest.raises(ConfigError, match=r"val_evaluator\.1\.prefix: CocoMetric has .*'coco'"):
        experiment(COCO, COCO).metrics("val")


def test_result_files_are_for_coco_metrics(experiment, toy_root, tmp_path):
    annotations = toy_root / "annotations" / "person_keypoints_val2017.json"
    (tmp_path / "none.json").write_text("[]")
    with pytest.warns(AeposeWarning, match="left out, .*CountPeople"):
        metrics, found, _ = evaluate_file(experiment(COCO, {"type": "CountPeople"}), annotations,
                                          tmp_path / "none.json")
    assert [type(m).__name__ for m in metrics] == ["CocoMetric"]
    assert found.metrics["coco/AP"] == 0
    with pytest.raises(ConfigError, match=r"only a CocoMetric .* CountPeople"):
        evaluate_file(experiment({"type": "CountPeople"}), annotations, tmp_path / "none.json")


def test_the_tool_prints_a_table_for_each(toy_root, tmp_path, capsys):
    call(["test", "configs/toy/hrnet_w16_toy_256x256.py", str(TOY_CHECKPOINT), "--work-dir",
          str(tmp_path), "--cfg-options", f"data_root={toy_root}", "codec.input_size=128",
        "val_evaluator=[{'type': 'CocoMetric'}, {'type': 'CountPeople'}]"])
    printed = capsys.readouterr().out
    assert "AP50" in printed
    assert "| people |" in printed.replace("  ", " ")


def test_numbers_are_told_apart_by_their_prefix():
    scores = split_scores({"a/AP": 1.0, "b/AP": 2.0, "AP": 3.0}, {"a": (), "b": ("AR",), "": ()})
    assert {p: s.metrics for p, s in scores.items()} == {
        "a": {"AP": 1.0}, "b": {"AP": 2.0}, "": {"AP": 3.0}}
    assert scores["b"].columns == ("AR",)
