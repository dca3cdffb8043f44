"""losses.npz/.json: loss terms and their gradients."""

from pathlib import Path

import numpy as np
import torch

from aepose.models.losses import PoseLoss
from aepose.models.losses.heatmap import heatmap_loss
from aepose.models.losses.tags import PersonTags, push_and_pull
from aepose.structures import HeadOutput, MapTargets
from tests import DEVICE
from tests.goldens.common import (
    Options,
    Tally,
    read_json,
    relative_difference,
    scaled_difference,
)

TOLERANCE = 1e-6
TERMS = ("heatmap_loss", "push_loss", "pull_loss")


def check_losses(folder: Path, options: Options) -> Tally:
    """Every term per picture, the total, and the gradient of the total."""
    arrays, tally = dict(np.load(folder / "losses.npz")), Tally()
    for name, case in read_json(folder / "losses.json").items():
        tally.add(name, _check_case(name, case, arrays), TOLERANCE)
    alone = sorted({k.rsplit(".", 1)[0] for k in arrays if k.startswith(("ae_", "hm_"))})
    for name in alone:
        part = {k.rsplit(".", 1)[1]: v for k, v in arrays.items() if k.startswith(f"{name}.")}
        check = _check_tags_alone if name.startswith("ae_") else _check_heatmaps_alone
        tally.add(name, check(name, part), TOLERANCE)
    return tally


def _check_case(name: str, case: dict, arrays: dict) -> float:
    total, outputs, worst = 0.0, [], []
    for index in range(len(case["sizes"])):
        part = {k.removeprefix(f"{name}.s{index}."): v for k, v in arrays.items()
                if k.startswith(f"{name}.s{index}.")}
        output = _tensor(part["output"]).requires_grad_()
        outputs.append((output, part["grad"]))
        losses = _loss(case, index)(_split(output, case, index), _targets(part))
        stored = [t for t in TERMS if t in part]
        if sorted(t for t in losses if t in TERMS) != sorted(stored):
            return float("inf")
        worst += [relative_difference(losses[t].detach().cpu(), part[t]) for t in stored]
        total = total + sum(losses[t].mean() for t in stored)
    total.backward()
    worst.append(relative_difference(total.detach().cpu(), arrays[f"{name}.total"]))
    worst += [scaled_difference(output.grad.cpu(), grad) for output, grad in outputs]
    return max(worst)


def _loss(case: dict, index: int) -> PoseLoss:
    tags, maps = case["with_ae_loss"][index], case["with_heatmaps_loss"][index]
    return PoseLoss(
        heatmap=case["heatmaps_loss_factor"][index] if maps else None,
        push=case["push_loss_factor"][index] if tags else None,
        pull=case["pull_loss_factor"][index] if tags else None,
        push_type=case["ae_loss_type"],
        supervise_empty=case["supervise_empty"],
    )


def _split(output: torch.Tensor, case: dict, index: int) -> HeadOutput:
    first = case["K"] if case["with_heatmaps_loss"][index] else 0
    return HeadOutput(output[:, :first], output[:, first:])


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).to(DEVICE)


def _targets(part: dict) -> MapTargets:
    joints = _tensor(part["joints"]).long()
    return MapTargets(
        _tensor(part["heatmap"]) if "heatmap" in part else None,
        _tensor(part["mask"]).bool() if "mask" in part else None,
        joints[..., 0], joints[..., 1] > 0,
    )


def _check_tags_alone(name: str, part: dict) -> float:
    tags = _tensor(part["tags"]).requires_grad_()
    joints = _tensor(part["joints"]).long()
    push_type = name.split("_")[1]
    people = PersonTags.gather(tags.view(1, -1, 1, 1), joints[..., 0], joints[..., 1] > 0)
    push, pull = push_and_pull(people, push_type)
    (push + 2 * pull).sum().backward()
    return max(relative_difference(push.detach().cpu().ravel(), part["push"].ravel()),
               relative_difference(pull.detach().cpu().ravel(), part["pull"].ravel()),
               scaled_difference(tags.grad.cpu(), part["grad_push_plus_2pull"]))


def _check_heatmaps_alone(name: str, part: dict) -> float:
    output = _tensor(part["pred"]).requires_grad_()
    loss = heatmap_loss(output, _tensor(part["gt"]), _tensor(part["mask"]) > 0,
                        not name.endswith("nosup"))
    loss.sum().backward()
    return max(relative_difference(loss.detach().cpu(), part["loss"]),
               scaled_difference(output.grad.cpu(), part["grad_sum"]))
