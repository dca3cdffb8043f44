"""A creature of the test's own description: drawn, written and labelled alike, and learnt."""

import json

import pytest

from aepose.analysis.ceiling import ceiling
from aepose.commands.app import call
from aepose.experiment import Experiment
from tests.golden_check import ROOT
from tests.toy.test_creature_file import FISH

CONFIG = """
_base_ = ['{configs}/_base_/runtime.py', '{configs}/_base_/datasets/toy.py',
          '{configs}/_base_/models/toy_hrnet.py']
metainfo = 'fish/keypoints.json'
data_root = 'fish'
codec = dict(input_size=64)
model = dict(backbone=dict(width=8, stem_channels=16, num_blocks=1))
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(transforms=[
    dict(type='RandomAffine', scale=(1, 1), rotation=0, translation=0, scale_type='short')]))
val_dataloader = dict(dataset=dict(
    ann_file='annotations/person_keypoints_train2017.json', img_dir='train2017'))
train_cfg = dict(type='PoseTrainLoop', max_epochs=60, val_interval=1000)
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.01))
default_hooks = dict(checkpoint=dict(interval=1000))
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder outside the package with a description, its drawn set and a config."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fish.json").write_text(json.dumps({**FISH, "size": 0.8, "turn": [-30, 30]}))
    call(["toy", "--out", "fish", "--train", "8", "--val", "1", "--creature", "fish.json"])
    (tmp_path / "fish.py").write_text(CONFIG.format(configs=ROOT / "configs"))
    return tmp_path


def test_perfect_maps_of_the_set(project):
    """Names, order, sizes and sigmas of what is written fit each other."""
    experiment = Experiment.load("fish.py", ["codec.input_size=256"])
    assert ceiling(experiment).metrics["AP"] > 0.95


@pytest.mark.slow
def test_a_network_learns_them(project):
    """Sixty steps on eight pictures: peaks where the annotations say, and not just empty maps."""
    call(["train", "fish.py"])
    (log,) = (project / "work_dirs" / "fish").rglob("scalars.json")
    losses = [json.loads(line).get("heatmap") for line in log.read_text().splitlines()]
    first, *_, last = [loss for loss in losses if loss is not None]
    # A network begins with maps that are next to empty.
    assert last < 0.5 * first
