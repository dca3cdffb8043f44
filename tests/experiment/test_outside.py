"""A project outside the package: one JSON file, one config, one module."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aepose.apis.loading import load_model
from aepose.errors import CheckpointError
from aepose.experiment import Experiment
from aepose.weights.checkpoint import read_checkpoint
from tests.hostile.isolated import isolated

ROOT = Path(__file__).parents[2]
CREATURE = """
{
  "name": "creature",   // nine keypoints: those of COCO above the waist, but one
  "keypoint_names": ["nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder",
                     "right_shoulder", "left_elbow", "right_elbow"],
  "flip_pairs": [["left_eye", "right_eye"], ["left_ear", "right_ear"],
                 ["left_shoulder", "right_shoulder"], ["left_elbow", "right_elbow"]],
  "sigmas": [0.05, 0.05, 0.05, 0.05, 0.05, 0.08, 0.08, 0.08, 0.08],
  "skeleton": [["left_shoulder", "right_shoulder"], ["nose", "left_eye"]]
}
"""
CONFIG = """
_base_ = ['aepose::_base_/runtime.py', 'aepose::_base_/keypoints.py']
{imports}
metainfo = 'creature.json'
data_root = '{data}'
codec = dict(type='AssociativeEmbeddingCodec', input_size=64, map_strides=[4])
model = dict(
    type='AssociativeEmbedding', backbone=dict(type='{prefix}MyBackbone', width=8),
    keypoint_head=dict(type='{prefix}MyHead', losses=[dict(type='PoseLoss')]))
train_dataloader = dict(batch_size=4, num_workers={workers}, dataset=dict(
    ann_file='train.json', img_dir='train2017', transforms=[
        dict(type='RandomAffine', scale=(0.75, 1.5), rotation=30, translation=40,
             scale_type='short'),
        dict(type='{prefix}Brighter', most=20)]))
val_dataloader = dict(
    num_workers=0, dataset=dict(ann_file='val.json', img_dir='val2017'))
val_evaluator = [dict(type='CocoMetric'), dict(type='{prefix}PeoplePerPicture', prefix='mine')]
train_cfg = dict(type='PoseTrainLoop', max_epochs=1, val_interval=1)
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.01))
default_hooks = dict(checkpoint=dict(save_best='mine/people'))
"""


@pytest.fixture(scope="module")
def guide():
    """The module that docs/extending.md shows."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    return re.search(r"```python\n(# my_parts\.py\n.*?)```", text, re.DOTALL)[1]


@pytest.fixture(scope="module")
def data(toy_root, tmp_path_factory):
    """Drawn people with the first nine of their keypoints."""
    root = tmp_path_factory.mktemp("creatures")
    for split in ("train", "val"):
        (root / f"{split}2017").symlink_to(toy_root / f"{split}2017")
        source = toy_root / "annotations" / f"person_keypoints_{split}2017.json"
        content = json.loads(source.read_text())
        for person in content["annotations"]:
            person["keypoints"] = person["keypoints"][:27]
            person["num_keypoints"] = sum(v > 0 for v in person["keypoints"][2::3])
        (root / f"{split}.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def project(tmp_path, data, guide):
    def make(imports="custom_imports = dict(imports=['my_parts'])", prefix="", workers=0):
        (tmp_path / "creature.json").write_text(CREATURE)
        (tmp_path / "my_parts.py").write_text(guide)
        (tmp_path / "my_config.py").write_text(CONFIG.format(
            data=data, imports=imports, prefix=prefix, workers=workers))
        return tmp_path

    return make


def run(tool, *arguments, cwd):
    """Run a tool from another folder; its output."""
    done = subprocess.run([sys.executable, str(ROOT / "tools" / f"{tool}.py"), *arguments],
                          cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_train_and_test(project):
    folder = project(workers=1)
    status, said = run("train", "my_config.py", cwd=folder)
    assert status == 0, said
    work_dir = folder / "work_dirs" / "my_config"
    assert (work_dir / "best.pth").is_file()
    status, said = run("test", "my_config.py", "work_dirs/my_config/last.pth", "--out", "out",
                       "--show-dir", "shown", cwd=folder)
    assert status == 0, said
    assert "| single-scale |" in said
    assert "people" in said
    people = json.loads((folder / "out" / "predictions.json").read_text())
    assert all(len(person["keypoints"]) == 27 for person in people)
    assert len(list((folder / "shown").glob("*.png"))) >= 4
    meta = read_checkpoint(work_dir / "last.pth")["meta"]
    stored = json.loads(meta["aepose_config"])
    assert stored["metainfo"]["name"] == "creature"
    assert stored["model"]["backbone"]["type"] == "MyBackbone"
    # Modules are not imported because a checkpoint says so; with the config it loads.
    with pytest.raises(CheckpointError, match="--config"):
        load_model(checkpoint=work_dir / "last.pth")


@pytest.mark.parametrize(("imports", "prefix", "message"), [
    ("custom_imports = dict(imports=['my_partz'])", "",
     r"custom_imports names 'my_partz', which cannot be imported \(ModuleNotFoundError"),
    ("custom_imports = ['my_parts']", "", r"write custom_imports = dict\(imports="),
    ("", "my_partz.", r"transforms\.1\.type = 'my_partz\.Brighter': module 'my_partz' cannot be"),
    ("", "my_parts.nested.", "module 'my_parts.nested' cannot be imported"),
    ("", "my_parts.Not", r"module 'my_parts' has no 'NotBrighter'; did you mean 'Brighter'"),
    ("", "", r"'Brighter' is not a known transform.*docs/extending\.md"),
])
def test_modules_that_are_not_there(project, imports, prefix, message):
    config = project(imports, prefix) / "my_config.py"
    # In a process of its own: what it imports and registers stays in no other test's way.
    said = isolated(lambda: Experiment.load(config).name)
    assert re.search(f"^FAILED ConfigError: .*{message}", said), said


def test_dotted_names_need_no_import(project):
    config = project("", "my_parts.") / "my_config.py"

    def build():
        experiment = Experiment.load(config)
        parts = (experiment.network().backbone, experiment.dataset("train").transforms[1],
                 experiment.metrics("val")[1])
        return " ".join(type(part).__name__ for part in parts)

    assert isolated(build) == "MyBackbone Brighter PeoplePerPicture"
