"""What each process of tests/engine/test_fsdp.py does; torchrun starts this file.

    two_shards.py FOLDER

Process R leaves what it found in FOLDER/rank_R.pth.
"""

import math
import sys
from pathlib import Path

import torch
from mmengine.dist import get_rank

from aepose.apis.build import build_model
from aepose.apis.cli import run_tool
from aepose.config import load_config
from aepose.engine import GuardedOptimWrapper
from aepose.engine.distributed import process_group, wrap_model
from aepose.engine.fsdp import own_part, units, whole_states
from tests.conftest import TINY_HRNET

HRNET = [f"model.backbone.{key}={value!r}" for key, value in TINY_HRNET.items() if key != "type"]
# By name: a config of the model zoo, and what makes it tiny.
NETWORKS = {
    "hrnet": ("hrnet_w32_coco_512x512", HRNET),
    "higherhrnet": ("higherhrnet_w32_coco_512x512", HRNET),
    "recomputed": ("higherhrnet_w32_coco_512x512",
                   [*HRNET, "model.activation_checkpointing=True"]),
    "bfloat16": ("hrnet_w32_coco_512x512", [*HRNET, "model.backbone_dtype=bfloat16",
                                            "model.channels_last=True"]),
    "mobilenet": ("mobilenetv2_coco_512x512", ["model.backbone.width=0.25",
                                               "model.keypoint_head.deconv_channels=8"]),
    "hourglass": ("hourglass_ae_coco_512x512", ["model.backbone.stage_channels=(8, 9, 10, 11, 12)",
                                                "model.backbone.feat_channels=7"]),
}
# Each step of an untrained hourglass makes rounding errors a hundred times larger; without steps
# its gradients, which the optimiser's state keeps, can be compared all the same.
RATES = {"hourglass": 0.0}
STEPS = 4


def build(name, seed=0):
    config, options = NETWORKS[name]
    torch.manual_seed(seed)
    network = build_model(load_config(config, [*options, "model.pretrained=None"])).train()
    network.factor = 1.0
    network.keypoint_head.loss = lambda maps, targets: {
        "maps_loss": sum((m - 1).square().mean() for m in maps) * network.factor}
    return network


def guarded(model, rate=0.01, **options):
    # With its usual eps Adam makes steps of the rounding errors of gradients that are none.
    optimiser = torch.optim.Adam(model.module.parameters(), lr=rate, eps=1e-3)
    wrapper = GuardedOptimWrapper(optimiser, **options)
    wrapper.message_hub = type(wrapper.message_hub)(f"shards_{id(wrapper)}")
    return wrapper


def take_step(model, wrapper, number):
    """Train on two pictures that are this process's own."""
    generator = torch.Generator().manual_seed(10 * number + get_rank())
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=generator)
    losses = model.train_step({"images": images, "targets": []}, optim_wrapper=wrapper)
    return losses["maps_loss"].item()


def states(model, wrapper):
    """The weights and the optimiser's state, whole; the statistics are this process's."""
    with whole_states(model, wrapper.optimizer, everywhere=True):
        state, optimiser = model.module.state_dict(), wrapper.optimizer.state_dict()
    assert all(type(value) is torch.Tensor for value in state.values())
    state = {name: value.clone() for name, value in state.items()}
    flat = {f"optimiser {number} {key}": value.clone()
            for number, entries in optimiser["state"].items() for key, value in entries.items()}
    return {**state, **flat}


def validate(model):
    """Run the network on pictures of several sizes, unless it is the second process's."""
    sizes = () if get_rank() else (64, 128)
    with torch.no_grad():
        return [m for size in sizes for m in model.module.maps(torch.ones(1, 3, size, size))]


def training(name, fsdp, **options):
    """Losses, norms, states and maps of some steps, with a validation between."""
    model = wrap_model(build(name, seed=get_rank()), fsdp=fsdp)  # the first one's weights must win
    wrapper = guarded(model, RATES.get(name, 0.01), **options)
    wrapper.count_from(0, STEPS)
    found = {"losses": [], "norms": []}
    for number in range(STEPS):
        found["losses"].append(take_step(model, wrapper, number))
        if wrapper.between_steps:
            found["norms"].append(float(wrapper.message_hub.get_scalar("train/grad_norm").current()))
        if number == STEPS // 2:
            if fsdp:
                model.begin_evaluation()
            model.eval()
            found["maps"] = validate(model)
            if fsdp:
                model.end_evaluation()
            model.train()
    found["states"] = states(model, wrapper)
    sizes = [(own_part(p).numel(), p.numel()) for p in model.module.parameters()]
    kept = [value for entries in wrapper.optimizer.state.values() for value in entries.values()]
    found["share"] = sum(own for own, _ in sizes) / sum(all_ for _, all_ in sizes)
    found["optimiser_share"] = (sum(own_part(v).numel() for v in kept)
                                / sum(v.numel() for v in kept))
    return found


def bad_loss():
    """States before and after a step whose loss is infinite in the second process."""
    model = wrap_model(build("hrnet"), fsdp=True)
    wrapper = guarded(model)
    take_step(model, wrapper, 0)
    before = states(model, wrapper)
    model.sharded.factor = math.inf if get_rank() else 1.0
    take_step(model, wrapper, 1)
    after = states(model, wrapper)
    model.sharded.factor = 1.0
    skipped = wrapper.bad_steps
    take_step(model, wrapper, 2)
    return {"before": before, "after": after, "skipped": skipped, "then": wrapper.bad_steps}


def main(folder):
    with process_group():
        found = {name: [training(name, fsdp) for fsdp in (False, True)] for name in NETWORKS}
        found["clipped"] = [training("hrnet", fsdp, accumulative_counts=3,
                                     clip_grad={"max_norm": 0.01}) for fsdp in (False, True)]
        found["bad_loss"] = bad_loss()
        found["units"] = {name: len(units(build(name))) for name in NETWORKS}
        torch.save(found, Path(folder) / f"rank_{get_rank()}.pth")


if __name__ == "__main__":
    run_tool(lambda _: main(*sys.argv[1:]))
