"""MMPose's training samples of HigherHRNet-w32 512, for benchmarks/data.py.

Arguments: the folder of pictures, an npz of keypoints on maps, batches per run, batch size.
"""

import itertools
import sys
import time
from functools import partial

import mmcv.parallel
import numpy as np
import serve
import torch
from mmpose.datasets import build_dataset


def sample_all():
    """Make every sample once."""
    for index in range(len(dataset)):
        dataset[index]


def targets_all():
    """Make the targets of every case once."""
    for case in cases:
        # It replaces the lists' entries.
        make_targets({**case, **{name: list(case[name]) for name in ("joints", "mask")}})


def load():
    """Return seconds from the first batch of one worker to the last."""
    order = itertools.islice(itertools.cycle(range(len(dataset))), (batches + 1) * batch_size)
    loader = torch.utils.data.DataLoader(
        dataset, batch_size, sampler=list(order), num_workers=1,
        collate_fn=partial(mmcv.parallel.collate, samples_per_gpu=batch_size))
    stream = iter(loader)
    next(stream)
    start = time.perf_counter()
    for _ in stream:
        pass
    return time.perf_counter() - start


root, npz, batches, batch_size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
cfg = serve.load_peer_config("higherhrnet_w32_coco_512x512")
cfg.data.train.ann_file = f"{root}/annotations/person_keypoints_train2017.json"
cfg.data.train.img_prefix = f"{root}/train2017/"
dataset = build_dataset(cfg.data.train)
*before, make_targets, collect = dataset.pipeline.transforms
# What the pipeline hands to its target step, with the given keypoints in place of its own.
dataset.pipeline.transforms = before
example = dataset[0]
dataset.pipeline.transforms = [*before, make_targets, collect]
arrays = np.load(npz)
cases = [{**example, "joints": [arrays[f"{i}.{side}"] for side in (128, 256)]}
         for i in range(len(arrays.files) // 2)]
serve.serve({"sample": sample_all, "targets": targets_all, "load": load})
