"""How long each stage of decoding takes: ``python benchmarks/decode.py``.

Prints medians in milliseconds for maps with 1 to 30 people made of Gaussians and noisy tags.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.matching import match_by_tag
from aepose.codecs.peaks import find_peaks
from aepose.codecs.refine import adjust, refine
from aepose.metainfo import get_metainfo

SIDE, SIGMA, REPEATS = 512, 8, 5


def make_maps(people: int, num_keypoints: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return heatmaps (K, H, W) and tags (K, H, W, 2); every tenth keypoint is missing."""
    heatmaps = np.zeros((num_keypoints, SIDE, SIDE), np.float32)
    tags = rng.normal(0, 0.1, (num_keypoints, SIDE, SIDE, 2)).astype(np.float32)
    grid = np.arange(SIDE)
    for person in range(people):
        for k in range(num_keypoints):
            if rng.random() < 0.1:
                continue
            x, y = rng.uniform(20, SIDE - 20, 2)
            rows, columns = (np.exp(-((grid - c) ** 2) / (2 * SIGMA**2)) for c in (y, x))
            blob = np.outer(rows, columns).astype(np.float32) * rng.uniform(0.5, 1)
            tags[k][blob > heatmaps[k]] += 3 * person
            np.maximum(heatmaps[k], blob, out=heatmaps[k])
    return heatmaps, tags


def median_ms(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median time of a call and its last result."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = function()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times), result


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    codec = AssociativeEmbeddingCodec(get_metainfo("coco"), SIDE)
    order, limit = codec.metainfo.grouping_index, codec.max_num_people
    print(f"17 keypoints, {SIDE}x{SIDE}, 2 tags; milliseconds")
    print(f"{'people':>6} {'peaks':>8} {'match':>8} {'adjust':>8} {'refine':>8} {'in all':>8}")
    for people in (1, 5, 15, 30):
        maps, tags = make_maps(people, 17, rng)
        peaks_ms, peaks = median_ms(lambda m=maps, t=tags: find_peaks(m, t, limit))
        match_ms, found = median_ms(lambda p=peaks: match_by_tag(p, order, limit))
        adjust_ms, found = median_ms(lambda f=found, m=maps: adjust(f, m))
        refine_ms, _ = median_ms(lambda f=found, m=maps, t=tags: refine(f, m, t))
        stages = (peaks_ms, match_ms, adjust_ms, refine_ms)
        print(f"{people:>6}", *(f"{ms:>8.1f}" for ms in (*stages, sum(stages))))


if __name__ == "__main__":
    main()
