"""trained_toy.json.gz: the people that a trained network finds in drawn pictures."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

import numpy as np

from aepose.apis.evaluate import evaluate
from aepose.experiment import Experiment
from aepose.results import PoseResult
from aepose.toy import make_toy_dataset
from aepose.zoo.hub import TOY_CHECKPOINT
from tests.goldens.common import Options, Tally, difference, read_json

ROOT = Path(__file__).parents[2]
CONFIG = "configs/toy/hrnet_w16_toy_256x256.py"
NUM_PICTURES, SEED = 60, 11  # how the reference's pictures were drawn
PIXELS = METRICS = 1e-3
# A near-tie may turn where the machine rounds otherwise: so many pictures may differ.
MOVED = 1 / 50
# Tested exactly as trained, and as tests are run, with BatchNorm folded.
MODES = {"exact": "test_time.faster=False", "default": "test_time.faster=True"}


def check(folder: Path, options: Options) -> Tally:
    """People of every picture and the metrics over them, at one scale and three, in both modes."""
    golden, tally = read_json(folder / "trained_toy.json.gz"), Tally()
    with tempfile.TemporaryDirectory() as temporary:
        drawn = make_toy_dataset(Path(temporary) / "toy", 1, NUM_PICTURES, seed=SEED)
        for kind, case in golden.items():
            if not _same_pictures(drawn / "val2017", case["pictures"]):
                tally.skip(kind, "this OpenCV or NumPy draws other pictures")
                continue
            for mode, option in MODES.items():
                experiment = Experiment.load(
                    ROOT / CONFIG, [f"data_root={drawn}", "log_level=ERROR", option])
                results: list[PoseResult] = []
                found = evaluate(experiment, TOY_CHECKPOINT, Path(temporary) / "work",
                                   kind == "multi-scale", on_result=results.append)
                moved = [_moved(result, case["pictures"][Path(result.image_path).name])
                         for result in results]
                tally.add(f"{kind}.{mode}.people", float(np.mean(moved)), MOVED)
                off = [difference(found.metrics[f"coco/{name}"], value)
                       for name, value in case["metrics"].items()]
                tally.add(f"{kind}.{mode}.metrics", max(off), METRICS)
    return tally


def _same_pictures(folder: Path, pictures: dict[str, dict]) -> bool:
    return all(zlib.crc32((folder / name).read_bytes()) == facts["crc32"]
               for name, facts in pictures.items())


def _moved(result: PoseResult, facts: dict) -> bool:
    """Return whether anybody is elsewhere or has another score, or the number of people differs."""
    people = np.reshape(facts["people"], (-1, result.keypoints.shape[1], 3))
    found = np.concatenate([result.keypoints, result.keypoint_scores[..., None]], axis=2)
    return max(difference(found, people), difference(result.scores, facts["scores"])) > PIXELS
