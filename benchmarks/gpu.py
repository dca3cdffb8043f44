"""Training steps of HigherHRNet-w32 512 on a GPU: ``python benchmarks/gpu.py``.

24 pictures per step, in pictures per second, and what the data path feeds it with. Says so and
measures nothing where there is no GPU.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import torch

from common import PICTURES, parse, seconds, table, take_turns
from data import Ours
from train_step import COMPILE, VARIANTS, make_step

CONFIG = "higherhrnet_w32_coco_512x512"
COMPILED = {"the same, compiled": [*VARIANTS["bf16, channels last"], COMPILE]}
STEPS = 10
WARMUPS = 2


def rate(step: Callable[[], None], batch_size: int, repeats: int) -> float:
    """Return pictures per second of a step on the GPU."""
    def steps() -> None:
        for _ in range(STEPS):
            step()
        torch.cuda.synchronize()

    taken = take_turns({"steps": lambda: seconds(steps)}, repeats, WARMUPS)["steps"]
    return STEPS * batch_size / taken


def main(options: argparse.Namespace) -> str:
    """Return the table."""
    if not torch.cuda.is_available():
        return "Not measured: this machine has no GPU that PyTorch can use."
    rows, plain = [], None
    # One after the other: all of them together would not fit a small GPU.
    for name, changes in {**VARIANTS, **COMPILED}.items():
        step, _ = make_step(CONFIG, changes, options.side, options.batch_size, "cuda")
        found = rate(step, options.batch_size, options.repeats)
        plain = plain or found
        rows.append([f"training step, {name}", f"{found:.1f}", f"{found / plain:.2f}x"])
        del step
        torch.cuda.empty_cache()
    if options.pictures.is_dir():
        workers = os.cpu_count()
        taken = Ours(options.pictures).load(workers, 4 * workers, options.batch_size)
        found = 4 * workers * options.batch_size / taken
        rows.append([f"data path, {workers} workers", f"{found:.1f}", f"{found / plain:.2f}x"])
    return f"On one {torch.cuda.get_device_name()}:\n\n" + table(
        ["what", "pictures per second", "to the plain fp32 step"], rows)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's arguments."""
    parser.add_argument("--side", type=int, default=512, help="of the pictures (default 512)")
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictures", type=Path, default=PICTURES)


if __name__ == "__main__":
    print(main(parse(__doc__, add_arguments)))
