"""Whole training steps on the CPU against MMPose 0.29: ``python benchmarks/train_step.py``.

Two pictures per step: forward, losses, backward, Adam. Both sides get the same uint8 pictures and
targets; MMPose gets the pictures normalised, as its data workers do that, ours pays in the step.
A second table says what ``torch.compile`` makes of a step, and what its first step costs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch._dynamo.exc import TorchDynamoException

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.experiment import Experiment
from aepose.malloc import keep_freed_memory
from aepose.registry import SCOPE
from aepose.structures import MapTargets, MapView
from common import Measured, Peer, parse, seconds, table, take_turns

CONFIGS = "mobilenetv2_coco_512x512", "hrnet_w32_coco_512x512", "higherhrnet_w32_coco_512x512"
# Compiling takes minutes, whatever the size of the pictures; the smallest network takes fewest.
COMPILED_CONFIGS = CONFIGS[:1]
BATCH_SIZE, PEOPLE = 2, 5
# Column -> config options of our side; the peer knows fp32 alone.
VARIANTS = {
    "fp32, channels first": ["model.channels_last=False"],
    "fp32": [],
    "bf16": ["model.backbone_dtype='bfloat16'"],
}
COMPILE = "model.compile=True"


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
    """Return our training step, with the config's own optimiser, and the batch that it takes.

    The process is set up as ``tools/train.py`` does it.
    """
    keep_freed_memory()
    experiment = Experiment.load(f"configs/coco/{config}.py", options)
    model = experiment.network().train().to(device)
    with DefaultScope.overwrite_default_scope(SCOPE):
        wrapper = build_optim_wrapper(model, Config(experiment.to_dict()).optim_wrapper)
    batch = make_batch(model.codec, side, number)
    if device != "cpu":  # as the data loader does it
        batch = {"images": batch["images"].pin_memory(),
                 "targets": [target.pin_memory() for target in batch["targets"]]}
    return lambda: model.train_step(batch, wrapper), batch


def compare(config: str, side: int, repeats: int) -> Measured:
    """Return the median seconds per step of the peer and of our variants."""
    timers = {}
    for name, changes in VARIANTS.items():
        step, batch = make_step(config, changes, side)
        timers[name] = lambda step=step: seconds(step)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{config}.npz"
        save_batch(batch, path)
        with Peer("train_step.py", path) as peer:
            timers["peer"] = lambda: peer.seconds(config)
            return take_turns(timers, repeats)


def compare_compiled(config: str, variant: str, side: int, repeats: int) -> list[str]:
    """Return a row: seconds per step as it is and compiled, and of the first compiled step."""
    torch.compiler.reset()
    plain, _ = make_step(config, VARIANTS[variant], side)
    compiled, _ = make_step(config, [*VARIANTS[variant], COMPILE], side)
    row = [f"{_short(config)} {side}, {variant}"]
    try:
        first = seconds(compiled)
    except TorchDynamoException as error:
        # The first line says what failed; the rest is a traceback.
        print(f"{row[0]} cannot be compiled: {str(error).strip().splitlines()[0]}\n")
        return []
    times = take_turns({"plain": lambda: seconds(plain), "compiled": lambda: seconds(compiled)},
                       repeats)
    return [*row, f"{times['plain']:.2f}", f"{times['compiled']:.2f}",
            f"{times['plain'] / times['compiled']:.2f}x", f"{first:.0f}"]


def main(options: argparse.Namespace) -> str:
    """Return the tables: seconds per step and how many times as fast as the peer; compiling."""
    found = {config: compare(config, options.side, options.repeats) for config in options.configs}
    rows = []
    for config, times in found.items():
        ours = (f"{times[n]:.2f} ({times['peer'] / times[n]:.2f}x)" for n in VARIANTS)
        rows.append([f"{_short(config)} {options.side}", f"{times['peer']:.2f}", *ours])
    steps = table(["network", "MMPose 0.29, s", *(f"aepose {name}, s" for name in VARIANTS)], rows)

    # What an earlier run has compiled would make the first step look cheap.
    torch.compiler.config.force_disable_caches = True
    rows = [compare_compiled(config, variant, options.side // 2, options.repeats)
            for config in options.compile for variant in ("fp32", "bf16")]
    rows = [row for row in rows if row]
    if not rows:
        return steps
    header = ["network", "step, s", "compiled, s", "ratio", "first compiled step, s"]
    return f"{steps}\n\nWith `torch.compile`:\n\n{table(header, rows)}"


def _short(config: str) -> str:
    return config.split("_coco")[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's arguments."""
    parser.add_argument("configs", nargs="*", default=CONFIGS, help="names of published configs")
    parser.add_argument("--side", type=int, default=512, help="of the pictures (default 512)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", nargs="*", metavar="CONFIG", default=COMPILED_CONFIGS,
                        help="networks that are compiled as well, at half the side; minutes each "
                        "(default %(default)s; nothing for none)")


if __name__ == "__main__":
    print(main(parse(__doc__, add_arguments)))
