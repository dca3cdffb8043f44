"""MMPose's tag losses, forward and backward, on the input that benchmarks/ae_loss.py saved."""

import sys

import numpy as np
import serve
import torch
from mmpose.models.losses import AELoss


def step(tags, joints):
    """Compute losses and gradients once."""
    tags.grad = None
    push, pull = LOSS(tags.flatten(1)[..., None], joints)
    (push.sum() + pull.sum()).backward()


LOSS = AELoss("exp")
arrays = np.load(sys.argv[1])
tags = torch.from_numpy(arrays["tags"]).requires_grad_()
joints = torch.from_numpy(np.stack([arrays["index"], arrays["valid"]], axis=-1))
serve.serve({"step": lambda: step(tags, joints)})
