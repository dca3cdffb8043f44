"""Transforms between a loaded sample and the codec; one file per kind.

A training transform is called with a PoseSample and a random state and returns a PoseSample.
"""

import cv2

from aepose.datasets.transforms.flip import RandomFlip
from aepose.datasets.transforms.random_affine import RandomAffine
from aepose.datasets.transforms.random_crop import RandomCrop
from aepose.datasets.transforms.resize import find_eval_frame, make_eval_item
from aepose.errors import warn_once

__all__ = ["RandomAffine", "RandomCrop", "RandomFlip", "find_eval_frame", "make_eval_item"]

if int(cv2.__version__.split(".")[0]) >= 5:
    warn_once(f"OpenCV {cv2.__version__} warps pictures a few grey levels otherwise than OpenCV 4, "
              "so metrics will differ a little from published ones; install "
              "'opencv-python>=4.11,<5'")
