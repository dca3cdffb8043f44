"""An old model: a config of three keypoints with a small network, and its checkpoint."""

from collections import OrderedDict

import numpy as np
import pytest
import torch

from aepose.errors import warn_once
from aepose.experiment import Experiment
from aepose.migration import convert_file
from tests.migration.old_files import CHILD, write_cat


@pytest.fixture(autouse=True)
def _warned_anew():
    warn_once.cache_clear()


@pytest.fixture(scope="package")
def old_model(tmp_path_factory):
    """The config, and a function that writes its weights as MMPose 0.x wrote them.

    The config can be tested and not trained.
    """
    folder = tmp_path_factory.mktemp("model")
    small = CHILD.replace("dict(type='ResNet', depth=50)", "dict(type='MobileNetV2')")
    config = write_cat(folder, small.replace("in_channels=2048", "in_channels=1280")
                       .replace("policy='step'", "policy='cyclic'"))
    network = Experiment(convert_file(config).config).network()
    state = OrderedDict((f"module.{key}", value) for key, value in network.state_dict().items())

    def write(zipped):
        optimiser = torch.optim.Adam(network.parameters()).state_dict()
        optimiser["state"] = {0: {"step": 3, "exp_avg": torch.zeros(2)}}
        meta = {"env_info": "sys.platform: linux", "config": CHILD, "seed": np.int64(3),
                "epoch": 210, "iter": 4200, "mmpose_version": "0.29.0+abc", "CLASSES": None,
                "time": "Mon", "hook_msgs": {"best_score": np.float64(0.7), "best_ckpt": "b.pth"}}
        path = folder / f"{zipped}.pth"
        torch.save({"meta": meta, "state_dict": state, "optimizer": optimiser}, path,
                   _use_new_zipfile_serialization=zipped)
        return path

    return config, write
