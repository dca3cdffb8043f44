"""Whole training steps of MMPose 0.29 on the input that benchmarks/train_step.py saved.

Arguments: an npz per published config, whose file name (without .npz) is the config's.
"""

import sys
from pathlib import Path

import numpy as np
import serve
import torch
from mmcv.runner import build_optimizer
from mmpose.models import build_posenet


def make_step(path):
    """Return a training step of the config that the file is named after."""
    cfg = serve.load_peer_config(path.stem)
    model = build_posenet(cfg.model).train()
    optimizer = build_optimizer(model, cfg.optimizer)
    arrays = np.load(path)
    sides = [int(name.split(".")[1]) for name in arrays.files if name.startswith("heatmaps")]
    image = torch.from_numpy(arrays["images"]).float() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((.485, .456, .406), (.229, .224, .225)))

    def tensors(name):
        return [torch.from_numpy(arrays[f"{name}.{side}"]) for side in sides]

    joints = [torch.stack(pair, dim=-1).int() for pair in
              zip(tensors("index"), tensors("valid"), strict=True)]
    batch = {"img": (image - mean) / std, "targets": tensors("heatmaps"),
             "masks": [m.float() for m in tensors("mask")], "joints": joints, "img_metas": None}

    def step():
        outputs = model.train_step(batch, optimizer)
        optimizer.zero_grad()
        outputs["loss"].backward()
        optimizer.step()

    return step


serve.serve({path.stem: make_step(path) for path in map(Path, sys.argv[1:])})
