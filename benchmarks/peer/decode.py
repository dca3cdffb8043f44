"""Time MMPose's HeatmapParser: ``python decode.py MAPS.npz OUT.npz REPEATS THREADS``.

Runs in the environment that setup.sh makes, started by benchmarks/decode.py. MAPS.npz holds
heatmaps (K, H, W) and tags (K, H, W, L). Writes the seconds of each call, in all and per stage, the
poses and the scores.
"""

import sys
import time

import numpy as np

np.int = int  # MMPose 0.29 uses it, NumPy has dropped it
import mmcv  # noqa: E402

mmcv.__version__ = "1.7.0"  # MMPose 0.29 refuses later versions than it knows
import torch  # noqa: E402
from mmpose.core.post_processing.group import HeatmapParser  # noqa: E402


# Name of a stage, and the parser's method that runs it.
STAGES = {"peaks": "top_k", "match": "match", "adjust": "adjust", "refine": "refine"}


def watch(parser, seconds, stage, method):
    """Let ``parser`` add the time that a method takes to ``seconds``."""
    function = getattr(parser, method)

    def timed(*args, **kwargs):
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[stage] += time.process_time() - start

    setattr(parser, method, timed)


def main(maps, out, repeats, threads):
    """Time ``repeats`` calls after one that is not counted."""
    torch.set_num_threads(threads)
    with np.load(maps) as arrays:
        heatmaps, tags = (torch.from_numpy(arrays[name])[None] for name in ("heatmaps", "tags"))
    parser = HeatmapParser({
        "num_joints": heatmaps.shape[1], "max_num_people": 30, "ignore_too_much": False,
        "detection_threshold": 0.1, "tag_threshold": 1, "use_detection_val": True,
        "nms_kernel": 5, "nms_padding": 2, "tag_per_joint": True,
    })
    spent = dict.fromkeys(STAGES, 0.0)
    for stage, method in STAGES.items():
        watch(parser, spent, stage, method)
    seconds, of_stages = [], []
    for _ in range(repeats + 1):
        spent.update(dict.fromkeys(STAGES, 0.0))
        # Its adjust and refine change nothing that it was given, but be sure.
        given = heatmaps.clone(), tags.clone()
        start = time.process_time()
        poses, scores = parser.parse(*given, True, True)
        seconds.append(time.process_time() - start)
        of_stages.append(list(spent.values()))
    np.savez(out, seconds=seconds[1:], stages=of_stages[1:], names=list(STAGES),
             poses=np.array(poses[0]), scores=np.array(scores))


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:5]))
