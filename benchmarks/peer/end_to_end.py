"""Whole pictures through MMPose 0.29, for benchmarks/end_to_end.py.

``end_to_end.py picture FILE``: serve the time of one picture; the npz file holds the picture, what
the network's passes shall give, and how many people are in that.
``end_to_end.py memory SIDE SCALE...``: print the MiB of a loaded HigherHRNet-w48, and its peak.
"""

import itertools
import json
import sys

import numpy as np
import serve
import torch
from memory import forget_peak, peak_mib, resident_mib
from mmpose.apis import inference_bottom_up_pose_model
from mmpose.models import build_posenet


def load(name, side, scales):
    """Return a published network with random weights, ready for pictures."""
    cfg = serve.load_peer_config(name)
    cfg.data_cfg["image_size"] = side
    for step in cfg.test_pipeline:
        if "test_scale_factor" in step:
            step["test_scale_factor"] = scales
    model = build_posenet(cfg.model).eval()
    model.cfg = cfg
    return model


def find_people(model, image):
    """Return the poses of one picture."""
    return inference_bottom_up_pose_model(model, image, dataset="BottomUpCocoDataset")[0]


def serve_picture(path):
    """Time pictures; each pass is computed, and then gives the stored maps."""
    model = load("higherhrnet_w32_coco_512x512", 512, [1])
    with np.load(path) as arrays:
        image, people = arrays["image"], int(arrays["people"])
        passes = itertools.cycle([[torch.from_numpy(arrays[f"{name}.{i}"]) for i in range(2)]
                                  for name in ("plain", "mirrored")])
    model.keypoint_head.register_forward_hook(lambda *_: next(passes))

    def picture():
        found = find_people(model, image)
        assert len(found) == people, f"{len(found)} people instead of {people}"

    serve.serve({"picture": picture})


def print_memory(side, scales):
    """Print MiB before and at most."""
    model = load("higherhrnet_w48_coco_512x512", side, scales)
    forget_peak()
    before = resident_mib()
    find_people(model, np.zeros((427, 640, 3), np.uint8))
    print(json.dumps([before, peak_mib()]), file=serve.answers)


if __name__ == "__main__":
    if sys.argv[1] == "picture":
        serve_picture(sys.argv[2])
    else:
        print_memory(int(sys.argv[2]), [float(scale) for scale in sys.argv[3:]])
