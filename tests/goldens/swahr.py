"""SWAHR's references, made by its authors' code: targets, losses, grouping, schedule.

What needs a whole network is in ``swahr_networks``.
"""

from pathlib import Path

import numpy as np
import torch
from mmengine.optim.scheduler import LinearLR

from aepose.codecs.matching import match_by_tag
from aepose.codecs.refine import person_scores, refine
from aepose.experiment import Experiment
from aepose.models.losses import SWAHRLoss
from aepose.models.losses.swahr_loss import adapted_targets, adaptive_weights
from aepose.structures import HeadOutput, MapTargets
from tests.codecs.paths import PATHS, missing, on_path
from tests.goldens.common import (
    Options,
    Tally,
    difference,
    read_json,
    relative_difference,
    scaled_difference,
)
from tests.goldens.networks import find_config
from tests.goldens.targets import encode, make_codec

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}
# The network of a reference -> our config.
CONFIGS = {
    "higher_w32": "higherhrnet_w32_coco_512x512",
    "higher_w48": "higherhrnet_w48_coco_512x512",
    "higher_w48_crowdpose": "higherhrnet_w48_crowdpose_512x512",
    "swahr_w32": "swahr_w32_coco_512x512",
    "swahr_w48": "swahr_w48_coco_640x640",
    "swahr_w48_crowdpose": "swahr_w48_crowdpose_640x640",
}
Part = dict[str, np.ndarray]


def load(name: str) -> Experiment:
    """Return the experiment of a reference's network."""
    return Experiment.load(find_config(CONFIGS[name]))


def part_of(arrays: Part, prefix: str) -> Part:
    """Return the arrays whose name begins with ``prefix`` and a dot, without these."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def check_targets(folder: Path, options: Options) -> Tally:
    """Heatmaps and tag indices to the last bit."""
    facts, arrays, tally = _read(folder, "targets")
    codec = make_codec(17, facts["sigma"], facts["max_num_people"], "classic")
    for name in facts["cases"]:
        part = part_of(arrays, name)
        targets = encode(codec, part["joints_in"], np.ones(part["heatmap"].shape[1:], bool))
        tally.add(name, max(difference(targets.heatmaps, part["heatmap"]),
                            difference(tag_pairs(targets), part["joints_idx"])), 0)
    return tally


def tag_pairs(targets: MapTargets) -> np.ndarray:
    """Return (..., K, 2): index of a tag's cell, and whether there is one."""
    return torch.stack([targets.tag_index, targets.tag_valid], dim=-1).numpy()


def check_losses_alone(folder: Path, options: Options) -> Tally:
    """Target, weight, heatmap loss and regulariser, and their gradients."""
    facts, arrays, tally = _read(folder, "wahr")
    loss = SWAHRLoss(push=None, pull=None)
    for name in facts["cases"]:
        part = part_of(arrays, name)
        for dtype, tolerance in TOLERANCE.items():
            found = _losses_alone(loss, part, dtype)
            worst = max(scaled_difference(value.detach(), part[k]) for k, value in found.items())
            tally.add(f"{name}.{dtype}", worst, tolerance)
    return tally


def _losses_alone(loss: SWAHRLoss, part: Part, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    maps = [torch.from_numpy(part[k]).to(dtype).requires_grad_() for k in ("pred", "scale")]
    plain = torch.from_numpy(part["heatmap"])
    mask = torch.from_numpy(part["mask"]).bool()
    terms = loss(HeadOutput(maps[0], None, maps[1]), MapTargets(plain, mask, None, None))
    of_loss = torch.autograd.grad(terms["heatmap_loss"].sum(), maps, retain_graph=True)
    (of_scale,) = torch.autograd.grad(terms["scale_loss"].sum(), maps[1:])
    plain = plain.to(dtype)
    return {"scaled_target": adapted_targets(plain, maps[1])[0],
            "weight": adaptive_weights(maps[0], plain),
            "loss": terms["heatmap_loss"], "scale_loss": terms["scale_loss"],
            "grad_pred": of_loss[0], "grad_scale": of_loss[1], "grad_scale_reg": of_scale}


def check_losses_together(folder: Path, options: Options) -> Tally:
    """All terms of both outputs, and the gradient of their sum."""
    facts, arrays, tally = _read(folder, "multi_loss")
    for name in facts["cases"]:
        for dtype, tolerance in TOLERANCE.items():
            tally.add(f"{name}.{dtype}",
                      _losses_together(part_of(arrays, name), facts["num_keypoints"], dtype),
                      tolerance)
    return tally


def _losses_together(part: Part, keypoints: int, dtype: torch.dtype) -> float:
    """Worst difference, of each array relative to its largest value."""
    total, worst, leaves = 0.0, [], []
    for index, factor in enumerate((0.001, None)):
        given = part_of(part, f"s{index}")
        output = torch.from_numpy(given["output"]).to(dtype).requires_grad_()
        scales, heatmaps, tags = output.tensor_split((keypoints, 2 * keypoints), dim=1)
        joints = torch.from_numpy(given["joints"]).long()
        losses = SWAHRLoss(push=factor, pull=factor)(
            HeadOutput(heatmaps, tags, scales),
            MapTargets(torch.from_numpy(given["heatmap"]), torch.from_numpy(given["mask"]).bool(),
                       joints[..., 0], joints[..., 1] > 0))
        terms = {k: v for k, v in losses.items() if k.endswith("_loss")}
        if terms.keys() != {k for k in given if k.endswith("_loss")}:
            return float("inf")
        worst += [scaled_difference(value.detach(), given[k]) for k, value in terms.items()]
        total = total + sum(value.mean() for value in terms.values())
        leaves.append((output, given["grad"]))
    total.backward()
    worst.append(scaled_difference(total.detach(), part["total"]))
    return max(*worst, *(scaled_difference(output.grad, grad) for output, grad in leaves))


def check_group(folder: Path, options: Options) -> Tally:
    """People as the authors' code groups them, with what our configs set, on every path."""
    facts, arrays, tally = _read(folder, "group")
    for name, case in facts["cases"].items():
        codec = load(f"swahr_{case['config']}").codec
        tally.add(f"{name}.order", difference(codec.grouping_index, case["joint_order"]), 0)
        tally.add(f"{name}.threshold",
                  abs(codec.detection_threshold - case["detection_threshold"]), 0)
        part = part_of(arrays, name)
        maps = [part[k].astype(np.float32) for k in ("hm", "tag")]
        for path in PATHS:
            if missing(path):
                tally.skip(f"{name}.{path}", missing(path))
                continue
            with on_path(path) as read:
                read_maps = read(*maps)
                peaks = read_maps.find_peaks(
                    codec.max_num_people, codec.nms_kernel, codec.detection_threshold)
                grouped = match_by_tag(
                    peaks, codec.grouping_index, codec.max_num_people, codec.detection_threshold,
                    codec.tag_threshold, codec.use_detection_val, codec.ignore_too_much,
                    codec.first_people_only)
                located = codec.geometry.locate(grouped.copy(), read_maps.heatmaps)
                poses = refine(located, read_maps, codec.geometry.cell_offset)
            tally.add(f"{name}.{path}.grouped", difference(grouped, part["grouped"]), 0)
            tally.add(f"{name}.{path}.poses", max(
                relative_difference(poses, part["poses"]),
                relative_difference(person_scores(located), part["scores"])), 1e-6)
    return tally


def check_schedule(folder: Path, options: Options) -> Tally:
    """The rate of each step, in units of its largest change from one step to the next.

    The engine's schedulers reach the full rate, and the end, a step earlier. The first step of the
    original, at the full rate, is a slip that is not followed.
    """
    tally = Tally()
    for name, case in read_json(folder / "lr.json").items():
        config = load(f"swahr_{name}")._config
        per_epoch, rate = case["iterations_per_epoch"], config.optim_wrapper.optimizer.lr
        tally.add(f"{name}.full", abs(rate - case["LR"] * case["WORLD_SIZE"]), 1e-15)
        ends = {3: case["warm_up_epochs"], 300: case["epochs"], 0: 0}
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate)
        schedulers = [LinearLR.build_iter_from_epoch(
            optimizer, start_factor=given["start_factor"], end_factor=given.get("end_factor", 1),
            begin=ends[given["begin"]], end=ends[given["end"]], epoch_length=per_epoch)
            for given in config.param_scheduler]
        rates = []
        for _ in range(case["epochs"] * per_epoch):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for scheduler in schedulers:
                scheduler.step()
        expected = np.array([*case["rate_of_each_step"][1:], case["rate_left_at_the_end"]])
        change = np.abs(np.diff(expected)).max()
        tally.add(f"{name}.steps", difference(rates, expected) / change, 1 + 1e-9)
    return tally


def _read(folder: Path, name: str) -> tuple[dict, Part, Tally]:
    return read_json(folder / f"{name}.json"), dict(np.load(folder / f"{name}.npz")), Tally()
