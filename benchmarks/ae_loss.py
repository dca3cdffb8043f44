"""Tag losses, forward and backward, against MMPose 0.29: ``python benchmarks/ae_loss.py``.

24 pictures with 8 people each, every keypoint visible, maps of 128 x 128.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from aepose.malloc import keep_freed_memory
from aepose.models.losses.tags import PersonTags, push_and_pull
from common import Peer, parse, seconds, table, take_turns

PICTURES, PEOPLE, SLOTS, SIDE = 24, 8, 30, 128
# The peer takes many seconds for the whole body.
REPEATS = {17: 7, 133: 3}


def make_input(num_keypoints: int) -> dict[str, np.ndarray]:
    """Return tags (N, K, H, W) float32, index (N, M, K) int64 and valid (N, M, K) bool."""
    rng = np.random.default_rng(0)
    cells = rng.integers(0, SIDE**2, (PICTURES, SLOTS, num_keypoints))
    valid = np.zeros(cells.shape, bool)
    valid[:, :PEOPLE] = True
    return {
        "tags": rng.standard_normal((PICTURES, num_keypoints, SIDE, SIDE)).astype(np.float32),
        "index": np.where(valid, cells + np.arange(num_keypoints) * SIDE**2, 0),
        "valid": valid,
    }


def our_step(arrays: dict[str, np.ndarray]) -> Callable[[], None]:
    """Return a function that computes losses and gradients once."""
    tags, index, valid = (torch.from_numpy(arrays[n]) for n in ("tags", "index", "valid"))
    tags.requires_grad_()

    def step() -> None:
        tags.grad = None
        push, pull = push_and_pull(PersonTags.gather(tags, index, valid))
        (push.sum() + pull.sum()).backward()

    return step


def compare(num_keypoints: int) -> list[str]:
    """Return a row of the table."""
    keep_freed_memory()  # as in training
    arrays = make_input(num_keypoints)
    ours = our_step(arrays)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.npz"
        np.savez(path, **arrays)
        with Peer("ae_loss.py", path) as peer:
            found = take_turns({"ours": lambda: seconds(ours),
                                "peer": lambda: peer.seconds("step")}, REPEATS[num_keypoints])
    return [str(num_keypoints), f"{found['ours'] * 1e3:.1f}", f"{found['peer'] * 1e3:.0f}",
            f"{found['peer'] / found['ours']:.0f}x"]


def main() -> str:
    """Return the table."""
    return table(["keypoints", "aepose, ms", "MMPose 0.29, ms", "ratio"],
                 [compare(number) for number in REPEATS])


if __name__ == "__main__":
    parse(__doc__)
    print(main())
