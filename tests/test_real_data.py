"""Data sets other than COCO, end to end on their real files with the zoo's own configs."""

from pathlib import Path

import pytest
import torch

from aepose.apis.evaluate import evaluate
from aepose.apis.train import train
from aepose.commands.app import call
from aepose.experiment import Experiment
from tests.engine.runs import differing, logged, weights
from tests.golden_check import ROOT
from tests.shared import shared

# Data set -> config, annotation file. Only size and length of the run are cut.
CASES = {
    "aic": ("hrnet_w32_aic_512x512", "aic/test_aic.json"),
    "mhp": ("hrnet_w48_mhp_512x512", "mhp/test_mhp.json"),
    "crowdpose": ("higherhrnet_w32_crowdpose_512x512", "crowdpose/test_crowdpose.json"),
    "coco_wholebody": ("hrnet_w32_coco_wholebody_512x512", "coco/test_coco_wholebody.json"),
}


# A whole-body row with a "+" -> the COCO config it starts from, and the weights whose channels are
# keypoints: the last layers and the layer that sees the output before it.
FINE_TUNED = {
    "higherhrnet_w48_coco_wholebody_512x512": (
        "higherhrnet_w48_coco_512x512",
        {*(f"final_layers.{i}.{name}" for i in (0, 1) for name in ("weight", "bias")),
         "deconv_layers.0.0.0.weight"}),
}


def changes(annotations, epochs):
    """Config options that cut size and length, and name the files."""
    folder, file = annotations.split("/")
    return [
        f"data_root={shared(f'data/real/{folder}')}",
        "codec.input_size=128", "codec.detection_threshold=0.0",
        "model.pretrained=None", "model.backbone.width=8", "model.backbone.num_modules=(1,1,1)",
        f"train_dataloader.dataset.ann_file={file}", "train_dataloader.dataset.img_dir=",
        f"val_dataloader.dataset.ann_file={file}", "val_dataloader.dataset.img_dir=",
        "train_dataloader.batch_size=2", "train_dataloader.num_workers=0",
        "val_dataloader.num_workers=0", "default_hooks.checkpoint.interval=1",
        "default_hooks.checkpoint.save_best=None", f"train_cfg.max_epochs={epochs}",
    ]


def experiment(name, epochs):
    config, annotations = CASES[name]
    return Experiment.load(config, changes(annotations, epochs))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_train_resume_test(name, tmp_path):
    train(experiment(name, 1), tmp_path)
    runner = train(experiment(name, 2), tmp_path, resume=True)
    assert runner.epoch == 2
    assert runner.iter == 2 * len(runner.train_dataloader)
    metrics = evaluate(experiment(name, 2), Path(tmp_path) / "last.pth", tmp_path).metrics
    assert 0 <= metrics["coco/AP"] <= 1
    assert (tmp_path / "predictions.json").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", FINE_TUNED)
def test_fine_tune_coco_to_whole_body(name, tmp_path):
    start, by_name = FINE_TUNED[name]
    by_name = {f"keypoint_head.{key}" for key in by_name}
    train(Experiment.load(start, changes("coco/test_coco.json", 1)), tmp_path / "coco")
    before = weights(tmp_path / "coco" / "epoch_1.pth")

    options = changes("coco/test_coco_wholebody.json", 1)
    config = f"configs/coco_wholebody/{name}.py"
    call(["train", str(ROOT / config), "--finetune", str(tmp_path / "coco" / "epoch_1.pth"),
          "--work-dir", str(tmp_path / "whole"), "--cfg-options", *options,
          "optim_wrapper.optimizer.lr=0.0"])
    after = weights(tmp_path / "whole" / "epoch_1.pth")
    log = logged(tmp_path / "whole")
    assert f": {len(before) - len(by_name)} of {len(before)} entries, " in log
    assert f"17 of 133 keypoints carried over from 'coco', in {len(by_name)} entries: nose, " in log
    # Nothing was learnt, so what was loaded is still there; BatchNorm saw other pictures.
    loaded = [k for k in before if k not in by_name and not k.endswith(("mean", "var", "tracked"))]
    assert not differing(*({k: state[k] for k in loaded} for state in (before, after)))
    last = "keypoint_head.final_layers.1.weight"
    assert torch.equal(after[last][:17], before[last])
    assert len(after[last]) == 133

    learnt = train(Experiment.load(config, changes("coco/test_coco_wholebody.json", 2)),
                   tmp_path / "whole", resume=True)
    assert learnt.epoch == 2
    assert differing(after, weights(tmp_path / "whole" / "epoch_2.pth"))
    metrics = evaluate(Experiment(learnt.cfg), tmp_path / "whole" / "epoch_2.pth", tmp_path).metrics
    assert 0 <= metrics["coco/AP"] <= 1
