"""Training samples of HigherHRNet-w32 512 against MMPose 0.29: ``python benchmarks/data.py``.

A sample is a JPEG from disk, a random affine and flip, and targets at 128 and 256. Both sides make
them of the same pictures, with what their own configs say: photographs, or drawn people where there
are none.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader

from aepose.datasets import CocoKeypoints, collate_train
from aepose.datasets.sampler import Draw
from aepose.experiment import Experiment
from aepose.structures import MapView, PoseSample
from common import PICTURES, Peer, parse, seconds, table, take_turns
from drawn import draw_pictures

CONFIG = "configs/coco/higherhrnet_w32_coco_512x512.py"
BATCHES, BATCH_SIZE, REPEATS = 8, 6, 5


class Ours:
    """Our side: each method does the work once over all pictures."""

    def __init__(self, pictures: Path, side: int = 512) -> None:
        cfg = Experiment.load(CONFIG, [f"data_root={pictures}", f"codec.input_size={side}"])
        self.dataset: CocoKeypoints = cfg.dataset("train")
        draws = [Draw(index, index) for index in range(len(self.dataset))]
        self.augmented = [self.dataset.augmented_sample(draw) for draw in draws]
        self._draws = itertools.cycle(draws)

    def sample(self) -> None:
        """Make every sample, in this process."""
        for draw in itertools.islice(self._draws, len(self.dataset)):
            self.dataset[draw]

    def targets(self) -> None:
        """Make the targets of every augmented sample."""
        for sample in self.augmented:
            for view in sample.views:
                self.dataset.codec.encode_view(view, sample.visibility)

    def load(self, workers: int = 1, batches: int = BATCHES, batch_size: int = BATCH_SIZE
             ) -> float:
        """Seconds from the first batch of some workers to the last, ``batches`` later."""
        order = list(itertools.islice(self._draws, (batches + 1) * batch_size))
        stream = iter(DataLoader(self.dataset, batch_size, sampler=order, num_workers=workers,
                                 collate_fn=collate_train))
        next(stream)
        start = time.perf_counter()
        for _ in stream:
            pass
        return time.perf_counter() - start


def save_keypoints(samples: list[PoseSample], path: Path) -> None:
    """Save what targets are made from, (P, K, 3) x, y, visibility per sample and map side."""
    def joined(view: MapView, sample: PoseSample) -> np.ndarray:
        return np.concatenate([view.keypoints, sample.visibility[..., None]], 2, dtype=np.float32)

    np.savez(path, **{f"{i}.{view.size[0]}": joined(view, sample)
                      for i, sample in enumerate(samples) for view in sample.views})


def main(pictures: Path = PICTURES) -> str:
    """Return the table."""
    with tempfile.TemporaryDirectory() as folder:
        if not pictures.is_dir():
            pictures = draw_pictures(Path(folder))
        ours = Ours(pictures)
        path = Path(folder) / "keypoints.npz"
        save_keypoints(ours.augmented, path)
        with Peer("data.py", pictures, path, BATCHES, BATCH_SIZE) as peer:
            timers = {}
            for name in ("sample", "load", "targets"):
                timers[f"ours {name}"] = lambda name=name: seconds(getattr(ours, name))
                timers[f"peer {name}"] = lambda name=name: peer.seconds(name)
            found = take_turns(timers, REPEATS)
    number = len(ours.dataset)
    rows = []
    for name, words, count in (
            ("sample", "sample, one process", number),
            ("load", f"sample, one worker, collated by {BATCH_SIZE}", BATCHES * BATCH_SIZE),
            ("targets", "targets alone", number)):
        rates = [count / found[f"{side} {name}"] for side in ("ours", "peer")]
        rows.append([words, *(f"{rate:.0f}" for rate in rates), f"{rates[0] / rates[1]:.1f}x"])
    return table(["what", "aepose, per second", "MMPose 0.29, per second", "ratio"], rows)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pictures", type=Path, default=PICTURES)


if __name__ == "__main__":
    print(main(parse(__doc__, _arguments).pictures))
