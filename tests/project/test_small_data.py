import pytest

from aepose.experiment import Experiment

CONFIG = """
_base_ = '{configs}/_base_/small_data.py'
metainfo = 'coco'
data_root = '{data}'
codec = dict(input_size=128)
train_dataloader = dict(num_workers=0, dataset=dict(
    ann_file='annotations/person_keypoints_train2017.json', img_dir='train2017',
    transforms=[dict(type='RandomCrop', size=64), dict(type='RandomFlip')]))
val_dataloader = dict(dataset=dict(
    ann_file='annotations/person_keypoints_val2017.json', img_dir='val2017'))
"""


@pytest.fixture
def experiment(tmp_path, toy_root, request):
    config = tmp_path / "own.py"
    config.write_text(CONFIG.format(configs=request.config.rootpath / "configs", data=toy_root))
    return Experiment.load(config)


def test_an_epoch_is_a_number_of_crops(experiment):
    loader = experiment.dataloader("train")
    assert len(loader.dataset) < 1600 == len(loader.sampler)
    batch = loader.collate_fn([loader.dataset[draw] for draw, _ in zip(
        loader.sampler, range(2), strict=False)])
    assert batch["images"].shape == (2, 3, 64, 64)
    assert batch["targets"][0].heatmaps.shape == (2, 17, 16, 16)


def test_the_rate_falls_until_the_last_epoch(experiment):
    content = experiment.to_dict()
    assert content["param_scheduler"][-1]["T_max"] == content["train_cfg"]["max_epochs"]
    assert content["train_cfg"]["max_epochs"] % content["train_cfg"]["val_interval"] == 0
