"""train_step.npz/.json and train_step_f64.json: one training step, in float32 and in float64.

What is computed is pinned in float64, where rounding decides nothing. In float32 the gradients of
these deep networks of random weights depend on the machine's convolution kernels, so they are
compared with our own of float64 alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from aepose.experiment import Experiment
from aepose.models import AssociativeEmbedding
from aepose.structures import MapTargets, MapView
from tests.goldens.common import Options, Tally, difference, read_json, relative_difference
from tests.goldens.networks import find_config, random_images
from tests.goldens.weights import set_procedural_weights

FLOAT64 = 1e-7
# Several times what was seen with oneDNN limited to SSE 4.1, AVX2 and AVX-512 and without a limit,
# with one and two threads, in both memory layouts: losses off by 2e-6, statistics by 3e-5,
# gradients by 1.6e-2 of the norm of all.
FLOAT32 = {"losses": 1e-5, "statistics": 1e-4, "gradients": 0.05}
# Gradients of biases in front of a BatchNorm are zero up to rounding: each is judged by its own
# norm, or by this share of the norm of all where that is more.
NEGLIGIBLE = 1e-5


@dataclass
class Step:
    """What one training step gave, in float64: values by name."""

    losses: dict[str, float]
    gradients: dict[str, torch.Tensor]
    buffers: dict[str, torch.Tensor]
    tag_indices: list[torch.Tensor]
    without_gradient: list[str]


def check_train_step(folder: Path, options: Options) -> Tally:
    """Tag indices, loss terms, running statistics and gradients, in both types."""
    arrays, tally = np.load(folder / "train_step.npz"), Tally()
    single, double = (read_json(folder / f"train_step{kind}.json") for kind in ("", "_f64"))
    for name, case in double.items():
        if find_config(name) is None:
            tally.add(name, float("inf"), 0)  # no such config
            continue
        exact = run_step(name, case, arrays, options.salt, torch.float64)
        step = run_step(name, single[name], arrays, options.salt, torch.float32)
        joints = [difference(index, arrays[f"joints_idx.s{size}"])
                  for size, index in zip(case["heatmap_sizes"], exact.tag_indices, strict=True)]
        tally.add(f"{name}.tag_index", max(joints), 0)
        for kind, error in (("losses", _losses(exact, case)),
                            ("statistics", _statistics(exact, case)),
                            ("gradients", _gradients(exact, case))):
            tally.add(f"{name}.float64.{kind}", error, FLOAT64)
        for kind, error in (("losses", _losses(step, single[name])),
                            ("statistics", _statistics(step, single[name])),
                            ("gradients", gradient_error(step, exact))):
            tally.add(f"{name}.float32.{kind}", error, FLOAT32[kind])
    return tally


def run_step(
    name: str, case: dict, arrays: dict, salt: str | None, dtype: torch.dtype,
    options: tuple[str, ...] = (),
) -> Step:
    """Take the step of a case in ``dtype``.

    salt: instead of the case's own; options: more changes of the config
    """
    model = Experiment.load(find_config(name), [
        f"codec.sigma={case['sigma']}", f"codec.max_num_people={case['max_num_people']}",
        *options]).network().train()
    salt = case.get("salt", "") if salt is None else salt
    set_procedural_weights(model, case["final_factor"], salt)
    model.to(dtype)
    targets = [_targets(model, case, arrays, size) for size in case["heatmap_sizes"]]
    losses = model(random_images(case).to(dtype), targets=targets, mode="loss")
    losses = {k: v for k, v in losses.items() if k.endswith("_loss")}
    sum(losses.values()).backward()
    parameters = dict(model.named_parameters())
    return Step(
        {k: v.item() for k, v in losses.items()},
        {k: p.grad.double() for k, p in parameters.items() if p.grad is not None},
        {k: value.double() for k, value in model.named_buffers()},
        [torch.stack([t.tag_index, t.tag_valid], dim=-1) for t in targets],
        [k for k, p in parameters.items() if p.grad is None],
    )


def _targets(model: AssociativeEmbedding, case: dict, arrays: dict, size: int) -> MapTargets:
    """Targets of both pictures at one resolution; a corner of each is not supervised."""
    mask = np.ones((size, size), bool)
    mask[: size // 4, size // 2 :] = False
    views = [arrays[f"joints_in.{b}.s{size}"] for b in range(len(case["image_ids"]))]
    return MapTargets.stack([
        model.codec.encode_view(MapView(joints[..., :2], mask), joints[..., 2])
        for joints in views
    ])


def _losses(step: Step, case: dict) -> float:
    """Worst relative difference of the loss terms and their sum; inf if the terms are others."""
    if step.losses.keys() != case["losses"].keys():
        return float("inf")
    terms = [relative_difference(step.losses[k], v) for k, v in case["losses"].items()]
    return max(*terms, relative_difference(sum(step.losses.values()), case["total"]))


def _gradients(step: Step, case: dict) -> float:
    """Worst difference of gradients' norms and first values, relative to each one's norm."""
    if step.without_gradient != case["params_without_grad"]:
        return float("inf")
    everything = case["grad_norm_all"]
    worst = abs(_norm(step.gradients.values()) - everything) / everything
    for name, norm in case["grad_norm"].items():
        first = case["grad_first"][name]
        gradient = step.gradients[name]
        off = max(abs(float(gradient.norm()) - norm),
                  difference(gradient.flatten()[: len(first)], first))
        worst = max(worst, off / max(norm, NEGLIGIBLE * everything))
    return worst


def gradient_error(step: Step, exact: Step) -> float:
    """Return the norm of the worst parameter's gradient error, relative to the norm of all."""
    if step.gradients.keys() != exact.gradients.keys():
        return float("inf")
    worst = max(float((step.gradients[k] - g).norm()) for k, g in exact.gradients.items())
    return worst / _norm(exact.gradients.values())


def _norm(values) -> float:
    return float(torch.nn.utils.get_total_norm(list(values)))


def _statistics(step: Step, case: dict) -> float:
    """Worst difference of the BatchNorm buffers' mean, deviation (n - 1) and first values."""
    worst = 0.0
    for name, facts in case["running_after"].items():
        value = step.buffers[name]
        worst = max(worst, relative_difference(value.mean(), facts["mean"]),
                    relative_difference(value.std(), facts["std"]),
                    relative_difference(value[: len(facts["first"])], facts["first"]))
    return worst
