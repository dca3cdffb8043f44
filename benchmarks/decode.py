"""How long it takes to find the people in maps: ``python benchmarks/decode.py``.

Times decoding from aggregated maps to poses with the compiled core and in Python, side by side with
MMPose 0.29 where benchmarks/peer/setup.sh has been run, on the same maps and one thread. Prints a
table of medians in milliseconds of processor time, which others on the machine change less, whether
the poses are the same, and how long it takes to read the maps once, which no decoding can do
without; then how times grow with people and with keypoints, and which stage is the reason.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.core import NO_CORE, build_info
from aepose.metainfo import get_metainfo
from aepose.stage_clock import StageClock
from common import table

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


@dataclass
class Timing:
    """How long decoding took, and what it found.

    ms: median of all runs, in milliseconds; stages: the same of each stage
    found: poses and scores
    """

    ms: float
    stages: dict[str, float]
    found: tuple[np.ndarray, np.ndarray]


def time_ours(
    codec: AssociativeEmbeddingCodec, heatmaps: np.ndarray, tags: np.ndarray, repeats: int,
    compiled: bool,
) -> Timing:
    """Time decoding of planar maps, after one run that is not counted."""
    planar = torch.from_numpy(heatmaps), torch.from_numpy(tags).permute(1, 2, 3, 0)
    total, of_stages = [], []
    # Stages, too, in processor time.
    with (patch.dict(os.environ, {NO_CORE: "0" if compiled else "1"}),
          patch.object(time, "perf_counter", time.process_time)):
        for _ in range(repeats + 1):
            with StageClock() as clock:
                start = time.process_time()
                found = codec.group(*planar)[:2]
                total.append(time.process_time() - start)
            of_stages.append(list(clock.seconds.values()))
    return _timing(total[1:], list(clock.seconds), of_stages[1:], found)


def time_reading(heatmaps: np.ndarray, tags: np.ndarray, repeats: int) -> float:
    """Return the milliseconds (median) that it takes to read all maps once."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.process_time()
        for maps in (heatmaps, tags):
            np.bitwise_or.reduce(maps.reshape(-1).view(np.uint64))
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[1:]) * 1e3


def _timing(seconds: Any, names: Any, of_stages: Any, found: tuple[np.ndarray, ...]) -> Timing:
    medians = np.median(np.array(of_stages), axis=0) * 1e3
    return Timing(statistics.median(seconds) * 1e3,
                  dict(zip(map(str, names), medians.tolist(), strict=True)), found)


def time_peer(
    python: Path, heatmaps: np.ndarray, tags: np.ndarray, repeats: int, threads: int
) -> Timing:
    """Time MMPose, with tags as its aggregation leaves them: (K, H, W, L)."""
    with tempfile.TemporaryDirectory() as folder:
        maps, out = Path(folder, "maps.npz"), Path(folder, "out.npz")
        np.savez(maps, heatmaps=heatmaps, tags=np.ascontiguousarray(np.moveaxis(tags, 0, -1)))
        subprocess.run(
            [python, "-W", "ignore", PEER / "decode.py", maps, out, str(repeats), str(threads)],
            check=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
        with np.load(out) as found:
            return _timing(found["seconds"], found["names"], found["stages"],
                           (found["poses"], found["scores"].reshape(-1)))


def same(ours: tuple[np.ndarray, ...], theirs: tuple[np.ndarray, ...]) -> bool:
    """Tell whether poses and scores are equal to the last bit; nobody has no shape there."""
    return all(a.size == b.size == 0 or np.array_equal(a, b)
               for a, b in zip(ours, theirs, strict=True))


WHO = "MMPose 0.29", "aepose, Python", "aepose, core"
FLOOR = "reading the maps once"
WHY = """In brackets: the stage that most of the additional time goes to, and its share. More
people have more keypoints that are missing, and refine searches a whole map for each, so that time
grows with missing keypoints rather than with people. More keypoints are more maps to be searched
for peaks and for missing keypoints, and more assignment problems (match), one per keypoint."""


def main() -> None:
    """Print the tables."""
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
    print(f"{SIDE}x{SIDE} maps, 2 tags per keypoint, one thread; medians in milliseconds of "
          "processor time\n")
    print("| keypoints | people | MMPose 0.29 | aepose, Python | ratio | aepose, core | ratio "
          f"| same poses | {FLOOR} |")
    print("|" + " ---: |" * 9)
    measured = {}
    for num_keypoints in options.keypoints:
        codec = AssociativeEmbeddingCodec(get_metainfo(METAINFO[num_keypoints]), SIDE)
        for people in options.people:
            maps = make_maps(people, num_keypoints, np.random.default_rng(people))
            timings = time_all(codec, maps, options, info["decoding"] == "compiled")
            measured[num_keypoints, people] = timings
            print_row(num_keypoints, people, timings, time_reading(*maps, 3 * options.repeats))
    print(f"\n{growth_table(measured)}\n\n{WHY}")


def time_all(
    codec: AssociativeEmbeddingCodec, maps: tuple[np.ndarray, ...], options: argparse.Namespace,
    compiled: bool,
) -> dict[str, Timing]:
    """Time all that are there on the same maps; keys are some of ``WHO``."""
    timings = {}
    if options.peer.exists():
        timings[WHO[0]] = time_peer(options.peer, *maps, options.repeats, threads=1)
    timings[WHO[1]] = time_ours(codec, *maps, options.repeats, compiled=False)
    if compiled:
        timings[WHO[2]] = time_ours(codec, *maps, 3 * options.repeats, compiled=True)
    return timings


def print_row(
    num_keypoints: int, people: int, timings: dict[str, Timing], floor: float
) -> None:
    """Print times, ratios, whether all found the same, and what reading the maps takes."""
    peer, *ours = (timings[who].ms if who in timings else None for who in WHO)
    ratios = [f"{peer / ms:.0f}x" if peer and ms else "-" for ms in ours]
    shown = [f"{ms:.1f}" if ms else "-" for ms in (peer, *ours)]
    reference = timings[WHO[1]].found
    equal = "yes" if all(same(reference, t.found) for t in timings.values()) else "NO"
    cells = (num_keypoints, people, *shown[:2], ratios[0], shown[2], ratios[1], equal,
             f"{floor:.1f}")
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def growth_table(measured: dict[tuple[int, int], dict[str, Timing]]) -> str:
    """Return how times grow from fewest to most people, and to most keypoints, as a table.

    measured: (keypoints, people) -> timings
    """
    (least_k, least_p), (most_k, most_p) = min(measured), max(measured)
    steps = [((k, least_p), (k, most_p)) for k in sorted({least_k, most_k})]
    steps += [((least_k, p), (most_k, p)) for p in sorted({least_p, most_p})]
    rows = []
    for before, after in steps:
        if before == after:
            continue
        name = (f"{after[1]} people over {before[1]}, {after[0]} keypoints"
                if before[0] == after[0] else
                f"{after[0]} keypoints over {before[0]}, people: {after[1]}")
        rows.append([name, *(growth(measured[before].get(who), measured[after].get(who))
                             for who in WHO)])
    return table(["growth of time", *WHO], rows)


def growth(before: Timing | None, after: Timing | None) -> str:
    """Return by what a time is multiplied, and the stage that has most of the difference."""
    if before is None or after is None:
        return "-"
    more = {stage: after.stages[stage] - before.stages[stage] for stage in after.stages}
    stage = max(more, key=more.__getitem__)
    factor, difference = f"{after.ms / before.ms:.1f}x", after.ms - before.ms
    # Stages are medians by themselves, so their sum is not quite the whole.
    share = f" ({stage} {min(more[stage] / difference, 1):.0%})" if difference > 0 else ""
    return factor + share


if __name__ == "__main__":
    main()
