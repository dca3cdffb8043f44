"""Fixtures that several test files share: a tiny data set, a tiny network, a tiny experiment."""

import json

import cv2
import numpy as np
import pytest
import torch

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.experiment import Experiment
from aepose.metainfo import Metainfo, get_metainfo
from aepose.toy import make_toy_dataset
from tests import DEVICE
from tests.shared import missing_line

TINY_HRNET = {
    "type": "HRNet", "width": 4, "num_modules": (1, 1, 1), "num_blocks": 1, "stem_channels": 8,
    "stage1_channels": 4, "stage1_blocks": 1, "initialisation": "kaiming",
}
TINY_CONFIG = """
_base_ = ['{configs}/_base_/runtime.py', '{configs}/_base_/datasets/toy.py',
          '{configs}/_base_/models/hrnet.py']
data_root = '{data}'
codec = dict(input_size=64, max_num_people=4, detection_threshold=0.0)
model = dict(pretrained=None, backbone=dict({backbone}))
train_dataloader = dict(batch_size=4, num_workers=0)
train_cfg = dict(type='PoseTrainLoop', max_epochs=2, val_interval=1)
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.01))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=3, by_epoch=False),
    dict(type='MultiStepLR', milestones=[1], gamma=0.5, by_epoch=True),
]
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1))
"""


def pytest_collection_modifyitems(config, items):
    """Mark the tests that take a device; on a GPU run no others. What takes long comes first."""
    # So that of two processes none waits for the other in the end.
    items.sort(key=lambda item: item.path.name not in ("test_golden.py", "test_kill.py"))
    for item in items:
        if "device" in item.fixturenames:
            item.add_marker("device")
    if DEVICE != "cpu":
        others = [item for item in items if item.get_closest_marker("device") is None]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


@pytest.fixture(scope="session")
def device():
    """Where a test computes: the CPU, or the GPU that ``AEPOSE_TEST_DEVICE`` asks for."""
    if DEVICE == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU that PyTorch can use")
    return torch.device(DEVICE)


@pytest.fixture(scope="session")
def gpu(device):
    """The GPU, for what a CPU cannot do."""
    if device.type != "cuda":
        pytest.skip("needs a GPU (AEPOSE_TEST_DEVICE=cuda)")
    return device


def pytest_terminal_summary(terminalreporter):
    """Name in one line what did not run because the reference data are not beside the project."""
    skipped = terminalreporter.getreports("skipped")
    line = missing_line(report.longrepr[2] for report in skipped)
    if line:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def coco():
    return get_metainfo("coco")


@pytest.fixture(scope="session")
def three():
    """Three keypoints of which the last two change places in a mirror."""
    return Metainfo(
        name="three", keypoint_names=("head", "left", "right"), flip_pairs=(("left", "right"),),
        sigmas=(0.1,) * 3, skeleton=(("head", "left"), ("head", "right")),
        keypoint_colors=((0, 0, 0),) * 3, skeleton_colors=((0, 0, 0),) * 2)


@pytest.fixture
def make_codec(three):
    def make(input_size=64, metainfo=three, **options):
        return AssociativeEmbeddingCodec(metainfo, input_size, **options)

    return make


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory):
    """Eight training and four validation pictures of drawn people."""
    return make_toy_dataset(tmp_path_factory.mktemp("toy") / "toy", 8, 4)


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory, toy_root, request):
    """Return a function that loads the thinnest experiment, under a name and with options.

    The name tells runs apart within one process.
    """
    folder = tmp_path_factory.mktemp("configs")
    backbone = ", ".join(f"{key}={value!r}" for key, value in TINY_HRNET.items())
    text = TINY_CONFIG.format(configs=request.config.rootpath / "configs", data=toy_root,
                              backbone=backbone)

    def load(name="tiny", options=()):
        path = folder / f"{name}.py"
        path.write_text(text)
        return Experiment.load(path, options)

    return load


def annotation(number, image_id, points=None, segmentation=None, iscrowd=0):
    """An annotation of three keypoints at (3, 3) ``points`` x, y, visibility, or of none."""
    points = [[0, 0, 0]] * 3 if points is None else points
    entry = {
        "id": number, "image_id": image_id, "category_id": 1, "iscrowd": iscrowd,
        "keypoints": [v for point in points for v in point],
        "num_keypoints": sum(point[2] > 0 for point in points),
        "bbox": [0, 0, 10, 10], "area": 100,
    }
    if segmentation is not None:
        entry["segmentation"] = segmentation
    return entry


PERSON = [[10, 10, 2], [8, 20, 1], [14, 21, 2]]


@pytest.fixture
def tiny_coco(tmp_path):
    """A data set of 48x32 pictures, three keypoints: its root, and its content for changing.

    Picture 1 has a person, one without keypoints and a crowd; 2 nobody; 3 only a crowd; 4 a person.
    """
    rng = np.random.RandomState(0)
    (tmp_path / "pictures").mkdir()
    images = []
    for number in (1, 2, 3, 4):
        name = f"{number}.jpg"
        cv2.imwrite(str(tmp_path / "pictures" / name), rng.randint(0, 256, (32, 48, 3), np.uint8))
        images.append({"id": number, "file_name": name, "width": 48, "height": 32})
    crowd = {"counts": [0, 32 * 4, 32 * 44], "size": [32, 48]}
    content = {
        "images": images,
        "annotations": [
            annotation(11, 1, PERSON, segmentation=[[30, 0, 40, 0, 40, 32, 30, 32]]),
            annotation(12, 1, segmentation=[[10, 4, 20, 4, 20, 12, 10, 12]]),
            annotation(13, 1, segmentation=crowd, iscrowd=1),
            annotation(31, 3, segmentation=crowd, iscrowd=1),
            annotation(41, 4, PERSON),
        ],
        "categories": [{"id": 1, "name": "person"}],
    }
    write_annotations(tmp_path, content)
    return tmp_path, content


def write_annotations(root, content):
    (root / "people.json").write_text(json.dumps(content))
