"""Whole training steps on the CPU against MMPose 0.29: ``python benchmarks/train_step.py``.

Two pictures per step: forward, losses, backward, Adam. Both sides get the same uint8 pictures and
targets; MMPose gets the pictures normalised, as its data workers do that, ours pays in the step.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from aepose.apis.build import build_model
from aepose.codecs import AssociativeEmbeddingCodec
from aepose.config import load_config
from aepose.registry import SCOPE
from aepose.structures import MapTargets, MapView
from common import Measured, Peer, parse, seconds, table, take_turns

CONFIGS = "mobilenetv2_coco_512x512", "hrnet_w32_coco_512x512", "higherhrnet_w32_coco_512x512"
BATCH_SIZE, PEOPLE = 2, 5
# Column -> config options of our side; the peer knows fp32 alone.
VARIANTS = {
    "fp32": [],
    "fp32, channels last": ["model.channels_last=True"],
    "bf16, channels last": ["model.channels_last=True", "model.backbone_dtype='bfloat16'"],
}
COMPILED = {"the same, compiled": [*VARIANTS["bf16, channels last"], "model.compile=True"]}


def make_batch(codec: AssociativeEmbeddingCodec, side: int, number: int) -> dict:
    """Return a batch as the data loader gives it: noise, with people at random places."""
    rng = np.random.RandomState(0)
    keypoints = rng.uniform(0, 1, (number, PEOPLE, codec.metainfo.num_keypoints, 2))
    visibility = rng.uniform(size=keypoints.shape[:3]) < 0.8
    targets = []
    for size in (side // stride for stride in codec.map_strides):
        views = (MapView((k * size).astype(np.float32), np.ones((size, size), bool))
                 for k in keypoints)
        targets.append(MapTargets.stack([
            codec.encode_view(view, v) for view, v in zip(views, visibility, strict=True)]))
    images = rng.randint(0, 256, (number, 3, side, side), np.uint8)
    return {"images": torch.from_numpy(images), "targets": targets}


def save_batch(batch: dict, path: Path) -> None:
    """Save a batch for the peer, target arrays by the side of their maps."""
    arrays = {"images": batch["images"].numpy()}
    for target in batch["targets"]:
        side = target.heatmaps.shape[-1]
        for name, tensor in (("heatmaps", target.heatmaps), ("mask", target.loss_mask),
                             ("index", target.tag_index), ("valid", target.tag_valid)):
            arrays[f"{name}.{side}"] = tensor.numpy()
    np.savez(path, **arrays)


def make_step(
    config: str, options: list[str], side: int, number: int = BATCH_SIZE, device: str = "cpu"
) -> tuple[Callable[[], None], dict]:
    """Return our training step, with the config's own optimiser, and the batch that it takes."""
    cfg = load_config(f"configs/coco/{config}.py", options)
    model = build_model(cfg).train().to(device)
    with DefaultScope.overwrite_default_scope(SCOPE):
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    batch = make_batch(model.codec, side, number)
    return lambda: model.train_step(batch, wrapper), batch


def compare(config: str, options: argparse.Namespace) -> Measured:
    """Return the median seconds per step of the peer and of our variants."""
    timers = {}
    for name, changes in {**VARIANTS, **(COMPILED if options.compile else {})}.items():
        step, batch = make_step(config, changes, options.side)
        timers[name] = lambda step=step: seconds(step)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{config}.npz"
        save_batch(batch, path)
        with Peer("train_step.py", path) as peer:
            timers["peer"] = lambda: peer.seconds(config)
            return take_turns(timers, options.repeats)


def main(options: argparse.Namespace) -> str:
    """Return the table: seconds per step, and how many times as fast as the peer."""
    found = {config: compare(config, options) for config in options.configs}
    names = [name for name in next(iter(found.values())) if name != "peer"]
    rows = []
    for config, times in found.items():
        ours = (f"{times[n]:.2f} ({times['peer'] / times[n]:.2f}x)" for n in names)
        rows.append([f"{config.split('_coco')[0]} {options.side}", f"{times['peer']:.2f}", *ours])
    return table(["network", "MMPose 0.29, s", *(f"aepose {name}, s" for name in names)], rows)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's arguments."""
    parser.add_argument("configs", nargs="*", default=CONFIGS, help="names of published configs")
    parser.add_argument("--side", type=int, default=512, help="of the pictures (default 512)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="also compiled; takes minutes more")


if __name__ == "__main__":
    print(main(parse(__doc__, add_arguments)))
