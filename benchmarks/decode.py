"""How long it takes to find the people in maps: ``python benchmarks/decode.py``.

Times decoding from aggregated maps to poses with the compiled core and in Python, side by side with
MMPose 0.29 where benchmarks/peer/setup.sh has been run, on the same maps and one thread. Prints a
table of medians in milliseconds, and whether the poses are the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.core import NO_CORE, build_info
from aepose.metainfo import get_metainfo

PEER = Path(__file__).parent / "peer"
SIDE, COARSE, SIGMA = 512, 128, 4  # maps are drawn in full size on a background of coarse noise
METAINFO = {17: "coco", 133: "coco_wholebody"}


def make_maps(people: int, num_keypoints: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return heatmaps (K, H, W) and tags (L, K, H, W), L = 2, like a network's with flip test.

    Each person is a cloud of keypoints with a tag of its own; one keypoint in ten is so weak that
    only refine can find it. Between people there is low noise in heatmaps and tags.
    """
    heatmaps = 0.02 * np.abs(_smooth_noise(num_keypoints, rng))
    tags = np.stack([0.3 * _smooth_noise(num_keypoints, rng) for _ in range(2)])
    reach = 3 * SIGMA
    steps = np.arange(-reach, reach + 1)
    blob = np.exp(-np.add.outer(steps**2, steps**2) / (2 * SIGMA**2)).astype(np.float32)
    for person in range(people):
        middle, size = rng.uniform(80, SIDE - 80, 2), rng.uniform(25, 60)
        places = np.clip(rng.normal(middle, size, (num_keypoints, 2)), reach, SIDE - reach - 1)
        heights = rng.uniform(0.4, 1, num_keypoints)
        heights[rng.random(num_keypoints) < 0.1] = 0.06
        for k, ((x, y), height) in enumerate(zip(places.astype(int), heights, strict=True)):
            window = np.s_[k, y - reach : y + reach + 1, x - reach : x + reach + 1]
            mine = height * blob > heatmaps[window]
            heatmaps[window][mine] = (height * blob)[mine]
            noise = rng.normal(0, 0.05, (2, *mine.shape))
            for channel in range(2):
                tags[channel][window][mine] = (1.5 * person + noise[channel])[mine]
    return heatmaps, tags


def _smooth_noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (count, SIDE, SIDE) float32 of about standard deviation 1."""
    coarse = rng.standard_normal((count, COARSE, COARSE), np.float32)
    return np.stack([cv2.resize(c, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for c in coarse])


def median_ms(function: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the median time of a call, after one that is not counted, and its last result."""
    times, result = [], None
    for _ in range(repeats + 1):
        start = time.perf_counter()
        result = function()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[1:]), result


def time_ours(
    codec: AssociativeEmbeddingCodec, heatmaps: np.ndarray, tags: np.ndarray, repeats: int,
    compiled: bool,
) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """Return the median time of decoding planar maps, and poses and scores."""
    planar = torch.from_numpy(heatmaps), torch.from_numpy(tags).permute(1, 2, 3, 0)
    with patch.dict(os.environ, {NO_CORE: "0" if compiled else "1"}):
        return median_ms(lambda: codec.group(*planar), repeats)


def time_peer(
    python: Path, heatmaps: np.ndarray, tags: np.ndarray, repeats: int, threads: int
) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """Return the same of MMPose, with tags as its aggregation leaves them: (K, H, W, L)."""
    with tempfile.TemporaryDirectory() as folder:
        maps, out = Path(folder, "maps.npz"), Path(folder, "out.npz")
        np.savez(maps, heatmaps=heatmaps, tags=np.ascontiguousarray(np.moveaxis(tags, 0, -1)))
        subprocess.run(
            [python, "-W", "ignore", PEER / "decode.py", maps, out, str(repeats), str(threads)],
            check=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
        with np.load(out) as found:
            return (statistics.median(found["seconds"]) * 1e3,
                    (found["poses"], found["scores"].reshape(-1)))


def same(ours: tuple[np.ndarray, ...], theirs: tuple[np.ndarray, ...]) -> bool:
    """Tell whether poses and scores are equal to the last bit; nobody has no shape there."""
    return all(a.size == b.size == 0 or np.array_equal(a, b)
               for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keypoints", type=int, nargs="+", default=[17, 133], choices=METAINFO)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 5, 15, 30])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", type=Path, default=PEER / ".venv" / "bin" / "python",
                        help="the Python that has MMPose 0.29; without it only ours are timed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    info = build_info()
    if info["decoding"] != "compiled":
        print(f"The compiled core is left out: {info['reason']}.")
    print(f"{SIDE}x{SIDE} maps, 2 tags per keypoint, one thread; medians in milliseconds\n")
    print("| keypoints | people | MMPose 0.29 | aepose, Python | ratio | aepose, core | ratio "
          "| same poses |")
    print("|" + " ---: |" * 8)
    for num_keypoints in options.keypoints:
        codec = AssociativeEmbeddingCodec(get_metainfo(METAINFO[num_keypoints]), SIDE)
        for people in options.people:
            print_row(codec, people, options, info["decoding"] == "compiled")


def print_row(
    codec: AssociativeEmbeddingCodec, people: int, options: argparse.Namespace, compiled: bool
) -> None:
    """Time all on the same maps."""
    num_keypoints = codec.metainfo.num_keypoints
    maps = make_maps(people, num_keypoints, np.random.default_rng(people))
    python_ms, found = time_ours(codec, *maps, options.repeats, compiled=False)
    results = [found]
    peer_ms = core_ms = None
    if compiled:
        core_ms, found = time_ours(codec, *maps, 3 * options.repeats, compiled=True)
        results.append(found)
    if options.peer.exists():
        peer_ms, found = time_peer(options.peer, *maps, options.repeats, threads=1)
        results.append(found)
    ratios = [f"{peer_ms / ms:.0f}x" if peer_ms and ms else "-" for ms in (python_ms, core_ms)]
    shown = [f"{ms:.1f}" if ms else "-" for ms in (peer_ms, python_ms, core_ms)]
    equal = "yes" if all(same(found, other) for other in results[:-1]) else "NO"
    cells = (num_keypoints, people, *shown[:2], ratios[0], shown[2], ratios[1], equal)
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
