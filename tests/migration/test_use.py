"""Old configs, checkpoints and command lines where ours are taken."""

import json

import numpy as np
import pytest

import aepose
from aepose.apis.train import dry_run
from aepose.commands.app import call
from aepose.commands.old_options import OLD_OPTIONS
from aepose.errors import AeposeWarning, ConfigError, UsageError
from aepose.experiment import Experiment
from aepose.weights.checkpoint import read_checkpoint
from tests.migration.old_files import CHILD, published, write_cat


@pytest.mark.parametrize("zipped", [True, False])
def test_an_old_checkpoint(old_model, zipped):
    checkpoint = read_checkpoint(old_model[1](zipped))
    assert "backbone.conv1.conv.weight" in checkpoint["state_dict"]
    assert checkpoint["meta"]["config"] == CHILD
    assert checkpoint["meta"]["seed"] == 3
    assert checkpoint["meta"]["hook_msgs"]["best_score"] == 0.7


def test_an_old_model_finds_people(old_model):
    config, checkpoint = old_model
    with pytest.warns(AeposeWarning) as warned:
        model = aepose.load_model(config, checkpoint(False), device="cpu")
    (message,) = (str(w.message) for w in warned if "MMPose 0.x" in str(w.message))
    assert "it can be tested, not trained, because of lr_config.policy = 'cyclic'" in message
    assert "\n" not in message
    result = model.predict(np.zeros((80, 90, 3), np.uint8))
    assert result.keypoints.shape[1:] == (3, 2)


def test_an_old_config_that_cannot_be_trained(old_model):
    with pytest.warns(AeposeWarning), pytest.raises(ConfigError, match=r"cat\.py lacks '"):
        call(["train", str(old_model[0]), "--dry-run", "--cfg-options",
              "model.pretrained=None"])


@pytest.mark.parametrize(("end", "status"), [("", None), ("\nlr_config = dict(policy='inv')", 1)])
def test_convert_config(tmp_path, monkeypatch, capsys, end, status):
    monkeypatch.chdir(tmp_path)
    path = write_cat(tmp_path, CHILD + "mine = 3" + end)
    assert (call(["convert-config", str(path)]) or None) == status
    printed = capsys.readouterr().out
    assert printed.startswith("cat_aepose.py: written\nnot carried over, and without an effect:\n")
    assert "\n  mine: MMPose 0.x reads no such name\n" in printed
    assert ("cat_aepose.py can be tested, not trained:\n  lr_config.policy" in printed) == bool(end)
    experiment = Experiment.load("cat_aepose.py")
    with pytest.warns(AeposeWarning, match="is converted as it is read"):
        assert Experiment.load(path).to_dict() == experiment.to_dict()


def test_code_is_run_when_trusted(tmp_path):
    text = CHILD.replace("total_epochs = 30", "import math\ntotal_epochs = math.comb(6, 3)")
    path = write_cat(tmp_path, text)
    for use in (Experiment.load, lambda p: call(["convert-config", str(p)])):
        with pytest.raises(ConfigError, match=r"line \d+: it imports \(import math\)"):
            use(path)
    out = tmp_path / "new.py"
    call(["convert-config", str(path), "--out", str(out), "--trust"])
    assert Experiment.load(out).to_dict()["train_cfg"]["max_epochs"] == 20


@pytest.mark.parametrize(("text", "said"), [
    (CHILD.replace("depth=50", "depth=18"), "not all that MMPose 0.x has is here: .*depth = 18"),
    (CHILD.replace("lr=0.001", "lr='much'"), "lr = 'much'"),
    (CHILD.replace("total_epochs = 30", "raise ValueError('no')"), "cannot be run: no"),
])
def test_what_convert_config_refuses(tmp_path, text, said):
    path = write_cat(tmp_path, text)
    with pytest.raises(ConfigError, match=said):
        call(["convert-config", str(path), "--out", str(tmp_path / "new.py"), "--trust"])
    assert not (tmp_path / "new.py").exists()


def test_convert_config_writes_over_nothing(tmp_path):
    path = str(write_cat(tmp_path))
    with pytest.raises(UsageError, match="is the file that is read"):
        call(["convert-config", path, "--out", path])
    with pytest.raises(UsageError, match=r"--out new: the name of a config file ends in \.py"):
        call(["convert-config", path, "--out", "new"])
    with pytest.raises(ConfigError, match="does not exist"):
        call(["convert-config", path + "x"])


OPTIONS = [(command, option, new) for command, options in OLD_OPTIONS.items()
           for option, new in options.items()]


@pytest.mark.parametrize(("command", "option", "new"), OPTIONS)
def test_old_options(command, option, new):
    with pytest.raises(UsageError) as error:
        call([command, "a.py", *(["b.pth"] if command == "test" else []), option, "1"])
    assert str(error.value) == ("of MMPose 0.x, and here instead: "
                                f"{option}: {new.format(command)}")


def test_several_old_options_in_one_line():
    with pytest.raises(UsageError) as error:
        call(["test", "a.py", "b.pth", "--eval", "mAP", "--launcher=slurm", "--fuse-conv-bn",
              "--out", "r.json"])
    text = str(error.value)
    found = [text.find(f" {option}: ") for option in (
        "--eval", "--launcher", "--fuse-conv-bn", "--out r.json")]
    assert -1 not in found
    assert found == sorted(found)
    assert "\n" not in text


def test_what_replaces_no_validate(tmp_path, tiny_config):
    replaced = OLD_OPTIONS["train"]["--no-validate"].removeprefix("--cfg-options ").split()
    dry_run(tiny_config("unvalidated", [*replaced, "randomness.deterministic=True",
                                        "randomness.diff_rank_seed=True"]))


def test_old_words_elsewhere_are_not_meant():
    with pytest.raises(UsageError, match="Unknown option: --eval"):
        call(["info", "a.py", "--eval", "mAP"])
    with pytest.raises(ConfigError, match=r"config a\.py does not exist"):
        call(["test", "a.py", "b.pth", "--out", "folder", "--cfg-options", "a=--eval"])


def test_rows_of_an_old_test(tmp_path, toy_root):
    annotations = toy_root / "annotations" / "person_keypoints_val2017.json"
    content = json.loads(annotations.read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    people = [a for a in content["annotations"] if a["num_keypoints"] and not a["iscrowd"]]
    rows = [{"preds": [np.reshape(a["keypoints"], (-1, 3)).astype(float).tolist() for a in people
                       if a["image_id"] == number],
             "scores": [0.5 for a in people if a["image_id"] == number],
             "image_paths": [f"data/coco/val2017/{name}"], "output_heatmap": None}
            for number, name in names.items()]
    records = [{"image_id": a["image_id"], "category_id": 1, "score": 0.5, "bbox": a["bbox"],
                "keypoints": a["keypoints"]} for a in people]
    for name, results in (("rows", rows), ("result_keypoints", records)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(results))
        call(["eval", str(annotations), str(path), "--dataset", "coco", "--out",
              str(tmp_path / name)])
    metrics = [json.loads((tmp_path / name / "metrics.json").read_text())["metrics"]
               for name in ("rows", "result_keypoints")]
    assert metrics[0] == metrics[1]


@pytest.mark.slow
def test_an_old_config_is_trained_and_tested(tmp_path, toy_root, monkeypatch, capsys):
    """What is trained from it can be tested with it."""
    coco = published()["mobilenetv2_coco_512x512"]
    text = "".join(f"{key} = {value!r}\n" for key, value in coco.items()).replace(
        "data/coco", str(toy_root))
    path = tmp_path / "old.py"
    path.write_text(text.replace("512", "128").replace("[128]", "[32]")
                    .replace("'mmcls://mobilenet_v2'", "None"))
    monkeypatch.chdir(tmp_path)
    small = ["--cfg-options", "train_cfg.max_epochs=1", "train_cfg.val_interval=1",
             "train_dataloader.batch_size=4", "train_dataloader.num_workers=0",
             "val_dataloader.num_workers=0"]
    with pytest.warns(AeposeWarning, match="is one of MMPose 0.x"):
        call(["train", "old.py", "--work-dir", "run", *small])
    call(["test", "old.py", "run/last.pth", "--out", "found", *small])
    assert "single-scale" in capsys.readouterr().out
    assert json.loads((tmp_path / "found" / "predictions.json").read_text()) is not None
