"""Let the benchmarks beside this folder time functions of MMPose 0.29 in its own environment.

Import this before ``mmpose``: it makes MMPose 0.29 importable with packages of today.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What is printed by mistake must not get among the answers.
answers = sys.stdout
sys.stdout = sys.stderr
warnings.simplefilter("ignore")

import cv2  # noqa: E402
import mmcv  # noqa: E402
import numpy  # noqa: E402

numpy.int = int  # removed from NumPy 1.24
mmcv.__version__ = "1.7.0"  # MMPose 0.29 refuses 1.7.2 by its number alone
cv2.setNumThreads(0)  # as MMPose's own training program sets it


def load_peer_config(name: str) -> mmcv.Config:
    """Return a published config of the associative_embedding/coco folder, without pretraining."""
    import mmpose

    folder = Path(mmpose.__file__).parent / ".mim/configs/body/2d_kpt_sview_rgb_img"
    cfg = mmcv.Config.fromfile(str(folder / f"associative_embedding/coco/{name}.py"))
    cfg.model.pretrained = None
    return cfg


def serve(functions: dict[str, Callable[[], Any]]) -> None:
    """Answer each name on standard input with the seconds that this function takes."""
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        function = functions[line.strip()]
        start = time.perf_counter()
        result = function()
        seconds = time.perf_counter() - start
        # A function that times only a part of itself returns the seconds.
        print(result if isinstance(result, float) else seconds, file=answers, flush=True)
