"""Starting weights of a training: ImageNet's, a checkpoint that fits, or parts of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.dist import is_main_process
from torch import nn

from aepose.errors import CheckpointError
from aepose.weights.checkpoint import (
    Misfits,
    check_values,
    count_parameters,
    listed,
    read_checkpoint,
)
from aepose.weights.imagenet import load_backbone
from aepose.zoo.hub import pretrained_path


def start_weights(model: nn.Module, load_from: str | None, partial: bool = False) -> str:
    """Load what a new training starts from, and return a report of it.

    load_from: a checkpoint, if the training starts from one. With ``partial`` what fits is loaded
        here; otherwise it has to fit whole, and the engine loads it.

    Of several processes only the first loads; it hands on its weights when they are joined.
    Raises CheckpointError if weights cannot be had or do not fit.
    """
    if load_from and not partial:
        return f"starting from {load_from}"
    if not (load_from or model.pretrained):
        return "starting from random weights"
    if not is_main_process():
        return ""
    if load_from:
        return load_what_fits(model, read_checkpoint(load_from)["state_dict"], load_from)
    path = pretrained_path(model.pretrained)
    load_backbone(model.backbone, read_checkpoint(path)["state_dict"], path)
    return f"starting from random weights, the backbone from {path}"


def load_what_fits(
    model: nn.Module, state: Mapping[str, torch.Tensor], source: str | Path
) -> str:
    """Load the weights whose name and shape fit, and report what was and what was not loaded.

    For fine-tuning to other keypoints: the last layers, whose channels are the keypoints, start
    anew. Raises CheckpointError if no trained weights fit, or some that do are no numbers of the
    network's kind; the network is then unchanged.
    """
    own = model.state_dict()
    loaded = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    if not count_parameters(loaded):
        raise CheckpointError(f"nothing of checkpoint {source} fits the network of this config; "
                              "fine-tune from a checkpoint of the same backbone and head")
    check_values(own, loaded, source)
    misfits = Misfits.between(own, state)
    model.load_state_dict({**own, **loaded})
    share = count_parameters(loaded) / count_parameters(own)
    lines = [f"starting from what fits of {source}: {len(loaded)} of {len(own)} entries, "
             f"{share:.1%} of the parameters"]
    lines += listed("start anew, as their shape differs", misfits.reshaped)
    lines += listed("start anew, as the checkpoint lacks them", misfits.missing)
    lines += listed("of the checkpoint are not used", misfits.unexpected)
    return "\n".join(lines)
