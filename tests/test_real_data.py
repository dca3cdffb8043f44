"""Data sets other than COCO, end to end on their real files with the zoo's own configs."""

from pathlib import Path

import pytest

from aepose.apis import evaluate, train
from aepose.config import load_config
from tests.golden_check import ROOT

REAL = ROOT.parent / "shared" / "data" / "real"

# Data set -> config, annotation file. Only size and length of the run are cut.
CASES = {
    "aic": ("hrnet_w32_aic_512x512", "aic/test_aic.json"),
    "mhp": ("hrnet_w48_mhp_512x512", "mhp/test_mhp.json"),
    "crowdpose": ("higherhrnet_w32_crowdpose_512x512", "crowdpose/test_crowdpose.json"),
    "coco_wholebody": ("hrnet_w32_coco_wholebody_512x512", "coco/test_coco_wholebody.json"),
}


def experiment(name, epochs):
    config, annotations = CASES[name]
    folder, file = annotations.split("/")
    return load_config(config, [
        f"data_root={REAL / folder}", "codec.input_size=128", "codec.detection_threshold=0.0",
        "model.pretrained=None", "model.backbone.width=8", "model.backbone.num_modules=(1,1,1)",
        f"train_dataloader.dataset.ann_file={file}", "train_dataloader.dataset.img_dir=",
        f"val_dataloader.dataset.ann_file={file}", "val_dataloader.dataset.img_dir=",
        "train_dataloader.batch_size=2", "train_dataloader.num_workers=0",
        "val_dataloader.num_workers=0", "default_hooks.checkpoint.interval=1",
        "default_hooks.checkpoint.save_best=None", f"train_cfg.max_epochs={epochs}",
    ])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_train_resume_test(name, tmp_path):
    if not REAL.is_dir():
        pytest.skip("the real pictures are not here")
    train(experiment(name, 1), tmp_path)
    runner = train(experiment(name, 2), tmp_path, resume=True)
    assert runner.epoch == 2
    assert runner.iter == 2 * len(runner.train_dataloader)
    metrics = evaluate(experiment(name, 2), Path(tmp_path) / "last.pth", tmp_path)
    assert 0 <= metrics["coco/AP"] <= 1
    assert (tmp_path / "predictions.json").stat().st_size > 1000
