"""Starting weights of a training: ImageNet's, a checkpoint that fits, or parts of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from mmengine.dist import is_main_process
from torch import nn

from aepose.errors import CheckpointError
from aepose.metainfo import Metainfo
from aepose.metainfo.pairs import plain_name
from aepose.weights.by_name import carry_over, keypoints_of, same_names
from aepose.weights.checkpoint import (
    Misfits,
    check_values,
    count_parameters,
    listed,
    read_checkpoint,
)
from aepose.weights.imagenet import load_backbone
from aepose.weights.timm_weights import published_timm_weights
from aepose.zoo.hub import pretrained_path

_NAMED = 40  # keypoints in a line of the report


def start_weights(model: nn.Module, load_from: str | None, partial: bool = False) -> str:
    """Load what a new training starts from, and return a report of it.

    load_from: a checkpoint, if the training starts from one. With ``partial`` what fits is loaded
        here; otherwise it has to fit whole, and the engine loads it.

    Of several processes only the first loads; it hands on its weights when they are joined.
    Raises CheckpointError if weights cannot be had or do not fit.
    """
    if load_from and not partial:
        return f"starting from {load_from}"
    published = model.backbone.pretrained
    if not (load_from or model.pretrained or published):
        return "starting from random weights"
    if not is_main_process():
        return ""
    if load_from:
        checkpoint = read_checkpoint(load_from)
        return load_what_fits(model, checkpoint["state_dict"], load_from, model.codec.metainfo,
                              keypoints_of(checkpoint["meta"], load_from))
    path = (published_timm_weights(model.backbone) if published
            else pretrained_path(model.pretrained))
    load_backbone(model.backbone, read_checkpoint(path)["state_dict"], path)
    return f"starting from random weights, the backbone from {path}"


def load_what_fits(
    model: nn.Module, state: Mapping[str, torch.Tensor], source: str | Path,
    now: Metainfo | None = None, before: Metainfo | None = None,
) -> str:
    """Load the weights whose name and shape fit, and report what was and what was not loaded.

    now, before: the keypoints of the network, and those that the weights were trained on; None if
        they are not known

    For fine-tuning to other keypoints: of the layers whose channels are keypoints, those of the
    same names are carried over, and the others start anew; without knowing the names, the whole
    layers do, where their shapes differ. Raises CheckpointError if no kernel of the backbone fits,
    or some weights that do are no numbers of the network's kind; the network is then unchanged.
    """
    own = model.state_dict()
    other = now is not None and before is not None and _plain_names(before) != _plain_names(now)
    axes = model.keypoint_axes() if other else {}
    pairs = same_names(before, now) if other else []
    loaded = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape
              and k not in axes}
    # Single biases fit by chance.
    if not any(key.startswith("backbone.") and value.ndim > 1 for key, value in loaded.items()):
        raise CheckpointError(f"nothing of checkpoint {source} fits the backbone of this config; "
                              "fine-tune from a checkpoint of the same backbone, or start anew "
                              "with finetune_from=None")
    carried = carry_over(own, state, axes, pairs, (
        now.num_keypoints, before.num_keypoints)) if pairs else {}
    check_values(own, loaded | {key: state[key] for key in carried}, source)
    model.load_state_dict({**own, **loaded, **carried})
    share = count_parameters(loaded) / count_parameters(own)
    lines = [f"starting from what fits of {source}: {len(loaded)} of {len(own)} entries, "
             f"{share:.1%} of the parameters",
             *_about_keypoints(before, now, pairs, len(carried))]
    # As if what is carried over in part had fitted.
    misfits = Misfits.between(own, {**state, **carried})
    lines += listed("start anew, as their shape differs", misfits.reshaped)
    lines += listed("start anew, as their keypoints are others", [
        key for key in axes if key not in carried and key in state
        and state[key].shape == own[key].shape])
    lines += listed("start anew, as the checkpoint lacks them", misfits.missing)
    lines += listed("of the checkpoint are not used", misfits.unexpected)
    return "\n".join(lines)


def _plain_names(metainfo: Metainfo) -> list[str]:
    return [plain_name(name) for name in metainfo.keypoint_names]


def _whence(now: Metainfo, index: int, before: Metainfo, source: int) -> str:
    """Return a keypoint's name, and of several classes which one it is from if that is another."""
    name, other = now.keypoint_names[index], before.keypoint_names[source]
    same = len(before.classes) == 1 or plain_name(name) == plain_name(other)
    return name if same else f"{name} from {other}"


def _about_keypoints(before: Metainfo | None, now: Metainfo | None,
                     pairs: Sequence[tuple[int, int]], entries: int) -> list[str]:
    """Return what became of the keypoints, in lines; none if they are the same.

    entries: in how many the channels of ``pairs`` were carried over
    """
    if now is None or (before and _plain_names(before) == _plain_names(now)):
        return []
    if before is None:
        return ["  it does not say how its keypoints are called: if they are as many as those of "
                f"'{now.name}', they are taken to be the same, in the same order"]
    kept = dict(pairs) if entries else {}
    carried = [_whence(now, index, before, kept[index]) for index in kept]
    anew = [name for index, name in enumerate(now.keypoint_names) if index not in kept]
    return [f"  {len(names)} of {now.num_keypoints} keypoints {what}: "
            + ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
            for names, what in (
                (carried, f"carried over from '{before.name}', in {entries} entries"),
                (anew, "start anew")) if names]
