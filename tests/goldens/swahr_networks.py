"""SWAHR's references that need a whole network: names, outputs, a training step.

Weights are made under the original's names and converted, as those of a checkpoint are.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from aepose.models import AssociativeEmbedding
from aepose.structures import MapTargets, MapView
from aepose.weights.checkpoint import load_weights
from aepose.weights.original_names import with_own_names, without_wrappers
from tests.goldens.common import (
    Options,
    Tally,
    difference,
    read_json,
    relative_difference,
    scaled_difference,
)
from tests.goldens.networks import random_images
from tests.goldens.swahr import CONFIGS, load, tag_pairs
from tests.goldens.weights import procedural_value

FORWARD = 1e-9
FLOAT32 = 1e-6  # aggregated maps are float32
# Of a step, by kind; gradients are relative to the norm of all. In float32, several times what was
# seen (outputs off by 2e-4), and losses of less than 1, which follow the rounding of the outputs,
# are compared absolutely, as those of other networks are.
STEP = {"losses": 1e-12, "outputs": 1e-12, "gradients": 1e-12, "statistics": 1e-12}
STEP_FLOAT32 = {"losses": 1e-5, "outputs": 1e-3, "gradients": 5e-3, "statistics": 1e-4}


def original_name(name: str) -> str:
    """Return the name that an entry of our network has in an original checkpoint."""
    name = name.removeprefix("backbone.").removeprefix("keypoint_head.")
    return f"conv_{name}" if name.startswith("scale_layers.") else name


def network(name: str, final_factor: float, salt: str) -> AssociativeEmbedding:
    """Return the network of a reference with procedural weights, read as a wrapped checkpoint."""
    model = load(name).network()
    state = {}
    for key, value in model.state_dict().items():
        theirs = original_name(key)
        state[f"1.module.{theirs}"] = torch.from_numpy(
            procedural_value(theirs, tuple(value.shape), final_factor, salt))
    load_weights(model, with_own_names(without_wrappers(state)), "the reference")
    return model


def original_order(model: AssociativeEmbedding, maps: list[torch.Tensor]) -> list[np.ndarray]:
    """Return raw maps with the scales in front."""
    parts = ((o.scales, o.heatmaps, o.tags) for o in model.keypoint_head.split(maps))
    return [torch.cat([p for p in part if p is not None], dim=1).detach().numpy()
            for part in parts]


def check_keys(folder: Path, options: Options) -> Tally:
    """Names, shapes and order of all entries; the difference counts unlike networks."""
    facts, tally = read_json(folder / "keys.json"), Tally()
    for name in CONFIGS:
        with torch.device("meta"):
            model = load(name).network()
        entries = [[original_name(k), list(v.shape)] for k, v in model.state_dict().items()]
        crc = zlib.crc32(json.dumps(entries).encode())
        renamed = with_own_names(dict.fromkeys(n for n, _ in entries))
        count = sum(p.numel() for p in model.parameters())
        tally.add(name, (crc != facts["entry_order"][name])
                  + (list(renamed) != list(model.state_dict()))
                  + abs(count - facts["checked"][name]["parameters"]), 0)
    return tally


@torch.no_grad()
def check_forward(folder: Path, options: Options) -> Tally:
    """Raw outputs in float64, and a flip test of the network that is made for tests."""
    facts, tally = read_json(folder / "forward.json"), Tally()
    arrays = np.load(folder / "forward.npz")
    images = random_images({"x_seed": facts["x_seed"], "x_shape": (1, 3, 128, 128)}).double()
    for name, expected in facts["cases"].items():
        if name.endswith(".test"):
            continue
        salt = facts.get("salt", "") if options.salt is None else options.salt
        model = network(name, facts["final_factor"], salt).double().eval()
        maps = original_order(model, model.maps(images))
        for index, (output, about) in enumerate(zip(maps, expected, strict=True)):
            same = list(output.shape) == about["shape"]
            error = difference(output.reshape(-1)[:: facts["stride"]],
                               arrays[f"{name}.out{index}"]) / about["absmax"]
            tally.add(f"{name}.out{index}", error if same else float("inf"), FORWARD)
        about = facts["cases"].get(f"{name}.test")
        if about:
            for kind, found in zip(("heatmap", "tag"), _flip_test(model, images), strict=True):
                same = list(found.shape) == about[f"{kind}_shape"]
                error = scaled_difference(found.reshape(-1)[:: about["stride"]],
                                          arrays[f"{name}.test_{kind}"])
                tally.add(f"{name}.test_{kind}", error if same else float("inf"), FLOAT32)
    return tally


def _flip_test(model: AssociativeEmbedding, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    tested = model.prepare_for_test()
    tested.data_preprocessor.normalise = lambda given: given  # as the references were made
    return tested.aggregate([images], SimpleNamespace(scales=(1,), base_size=images.shape[:1:-1]))


def check_train_step(folder: Path, options: Options) -> Tally:
    """Targets, losses, outputs, gradients and running statistics, in both types."""
    case, tally = read_json(folder / "train_step.json"), Tally()
    arrays = dict(np.load(folder / "train_step.npz"))
    salt = case.get("salt", "") if options.salt is None else options.salt
    for dtype, tolerances in ((torch.float64, STEP), (torch.float32, STEP_FLOAT32)):
        model = network("swahr_w32", case["final_factor"], salt).to(dtype).train()
        targets = [_targets(model, arrays, size) for size in case["heatmap_sizes"]]
        tally.add(f"{dtype}.targets", max(map(_target_error, targets, [
            {k: arrays[f"s{size}.{k}"] for k in ("joints_idx", "heatmap_sum")}
            for size in case["heatmap_sizes"]])), 0)
        for kind, error in _step(model, case, arrays, targets, dtype).items():
            tally.add(f"{dtype}.{kind}", error, tolerances[kind])
    return tally


def _targets(model: AssociativeEmbedding, arrays: dict, size: int) -> MapTargets:
    masks = np.ones((2, size, size), bool)
    masks[0, : size // 4, size // 2 :] = False
    views = [arrays[f"s{size}.joints_in.{b}"] for b in range(2)]
    return MapTargets.stack([model.codec.encode_view(MapView(j[..., :2], mask), j[..., 2])
                             for j, mask in zip(views, masks, strict=True)])


def _target_error(targets: MapTargets, expected: dict) -> float:
    sums = targets.heatmaps.sum(dim=(2, 3), dtype=torch.float64)
    # The sum's last digits depend on the order of the summands.
    off = scaled_difference(sums, expected["heatmap_sum"])
    return difference(tag_pairs(targets), expected["joints_idx"]) + (off > 1e-12)


def _step(
    model: AssociativeEmbedding, case: dict, arrays: dict, targets: list[MapTargets],
    dtype: torch.dtype,
) -> dict[str, float]:
    """Return the worst differences of a step by kind."""
    maps = model.maps(random_images(case).to(dtype))
    # Leaves of their own keep what flows back through the deconvolution out of their gradient.
    leaves = [m.detach().requires_grad_() for m in maps]
    losses = {k: v for k, v in model.keypoint_head.loss(leaves, targets).items()
              if k.endswith("_loss")}
    total = sum(losses.values())
    total.backward()
    torch.autograd.backward(maps, [leaf.grad for leaf in leaves])
    outputs = [scaled_difference(part.reshape(-1)[::13], arrays[f"out{i}.{kind}"])
               for kind, parts in (("sub", maps), ("grad_sub", [leaf.grad for leaf in leaves]))
               for i, part in enumerate(original_order(model, parts))]
    measure = scaled_difference if dtype == torch.float64 else relative_difference
    if losses.keys() != case["losses"].keys():
        return {"losses": float("inf")}
    return {
        "losses": max(measure(total.item(), case["total"]),
                      *(measure(losses[k].item(), v) for k, v in case["losses"].items()),
                      *_term_errors(model, leaves, targets, case, measure)),
        "outputs": max(outputs),
        "gradients": _gradient_error(model, case),
        "statistics": max(scaled_difference(
            dict(model.named_buffers())[_own(k)][: len(v)], v)
            for k, v in case["running_after"].items()),
    }


def _term_errors(
    model: AssociativeEmbedding, leaves: list[torch.Tensor], targets: list[MapTargets], case: dict,
    measure: Callable[..., float],
) -> Iterator[float]:
    """Yield the difference of each output's terms, picture by picture."""
    head = model.keypoint_head
    for i, (output, loss) in enumerate(zip(head.split(leaves), head.losses, strict=True)):
        terms = loss(output, targets[i])
        for name, per_output in case["per_output"].items():
            if (per_output[i] is None) != (name not in terms):
                yield float("inf")
            elif name in terms:
                yield measure(terms[name].detach(), per_output[i])


def _gradient_error(model: AssociativeEmbedding, case: dict) -> float:
    """Worst difference of norms and first values, relative to the norm of all."""
    found = {original_name(k): p.grad.double() for k, p in model.named_parameters()}
    if found.keys() != case["grad_norm"].keys():
        return float("inf")
    norms = {k: float(g.norm()) for k, g in found.items()}
    off = [abs(norms[k] - v) for k, v in case["grad_norm"].items()]
    off += [difference(found[k].flatten()[: len(v)], v) for k, v in case["grad_first"].items()]
    off.append(abs(float(np.linalg.norm(list(norms.values()))) - case["grad_norm_all"]))
    return max(off) / case["grad_norm_all"]


def _own(name: str) -> str:
    return next(iter(with_own_names({name: 0, "final_layers.0.weight": 0})))
