"""train_step.npz/.json: losses, gradients and BatchNorm statistics of one training step."""

from pathlib import Path

import numpy as np
import torch

from aepose.apis.build import build_model
from aepose.config import load_config
from aepose.models import AssociativeEmbedding
from aepose.structures import MapTargets, MapView
from tests.goldens.common import (
    Options,
    Tally,
    difference,
    one_thread,
    read_json,
    relative_difference,
)
from tests.goldens.networks import find_config, random_images
from tests.goldens.weights import set_procedural_weights

# A gradient sums millions of float32 terms, in an order that depends on machine and threads; those
# of biases in front of a BatchNorm are zero but for that, so each is judged by the norm of all.
TOLERANCES = {"losses": 1e-5, "gradients": 1e-5, "statistics": 1e-5, "tag_index": 0}


def check_train_step(folder: Path, options: Options) -> Tally:
    """Tag indices, each loss term, norms of gradients, and running statistics after the step."""
    arrays, tally = np.load(folder / "train_step.npz"), Tally()
    for name, case in read_json(folder / "train_step.json").items():
        path = find_config(name)
        if path is None:
            tally.add(name, float("inf"), 0)  # no such config
            continue
        cfg = load_config(path, [f"codec.sigma={case['sigma']}",
                                 f"codec.max_num_people={case['max_num_people']}"])
        model = build_model(cfg).train()
        salt = case.get("salt", "") if options.salt is None else options.salt
        set_procedural_weights(model, case["final_factor"], salt)
        with one_thread():
            found = _compare(model, case, arrays)
        for part, worst in found.items():
            tally.add(f"{name}.{part}", worst, TOLERANCES[part])
    return tally


def _compare(model: AssociativeEmbedding, case: dict, arrays: dict) -> dict[str, float]:
    """Run the step; return the worst difference of each part."""
    targets = [_targets(model, case, arrays, size) for size in case["heatmap_sizes"]]
    joints = [difference(torch.stack([t.tag_index, t.tag_valid], dim=-1),
                         arrays[f"joints_idx.s{size}"])
              for size, t in zip(case["heatmap_sizes"], targets, strict=True)]
    losses = model(random_images(case), targets=targets, mode="loss")
    losses = {k: v for k, v in losses.items() if k.endswith("_loss")}
    total = sum(losses.values())
    total.backward()
    if sorted(losses) != sorted(case["losses"]):
        return {"losses": float("inf")}
    terms = [relative_difference(losses[k].detach(), v) for k, v in case["losses"].items()]
    return {
        "tag_index": max(joints),
        "losses": max(*terms, relative_difference(total.detach(), case["total"])),
        "gradients": _gradients(model, case),
        "statistics": _statistics(model, case),
    }


def _targets(
    model: AssociativeEmbedding, case: dict, arrays: dict, size: int
) -> MapTargets:
    """Targets of both pictures at one resolution; a corner of each is not supervised."""
    mask = np.ones((size, size), bool)
    mask[: size // 4, size // 2 :] = False
    views = [arrays[f"joints_in.{b}.s{size}"] for b in range(len(case["image_ids"]))]
    return MapTargets.stack([
        model.codec.encode_view(MapView(joints[..., :2], mask), joints[..., 2])
        for joints in views
    ])


def _gradients(model: AssociativeEmbedding, case: dict) -> float:
    """Worst difference of gradient norms, relative to the norm of all."""
    norms = {name: None if p.grad is None else p.grad.double().norm().item()
             for name, p in model.named_parameters()}
    without = [name for name, norm in norms.items() if norm is None]
    if without != case["params_without_grad"]:
        return float("inf")
    total = np.sqrt(sum(norm**2 for norm in norms.values() if norm is not None))
    pairs = [(total, case["grad_norm_all"])]
    pairs += [(norms[name], expected) for name, expected in case["grad_norm"].items()]
    return max(abs(actual - expected) for actual, expected in pairs) / case["grad_norm_all"]


def _statistics(model: AssociativeEmbedding, case: dict) -> float:
    """Worst difference of the BatchNorm buffers' mean, deviation (n - 1) and first values."""
    state, worst = model.state_dict(), 0.0
    for name, facts in case["running_after"].items():
        value = state[name].double()
        worst = max(worst, relative_difference(value.mean(), facts["mean"]),
                    relative_difference(value.std(), facts["std"]),
                    relative_difference(value[: len(facts["first"])], facts["first"]))
    return worst
