"""Real animals: trainings on few pictures by the recipe for them, beside sleap-nn.

Flies (375 pictures, two flies each) by both, from scratch for the same time of one processor core,
which counts as it is used, and by aepose from the network that ships; mice (116 and 90 pictures of
one, labelled for DeepLabCut) by aepose, on three random splits. Needs ``../shared/data/animals``;
the peer is set up by ``benchmarks/peer_animals/setup.sh``, and left out where it is not.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import aepose
from aepose.datasets.annotations import with_images
from aepose.files import write_json
from aepose.labels import read_labels
from aepose.project.new import new_project
from animals_metrics import Found, measure
from common import FOLDER, ROOT, limit_threads, table

ANIMALS = ROOT.parent / "shared" / "data" / "animals"
PEER = FOLDER / "peer_animals"
# Where the labels are, and what a user changes: a camera that does not move sees the second mouse
# always from the same side, so pictures are turned little, and never mirrored, in tests neither.
MICE = {"dlc_openfield": ("dlc_openfield", (), True),
        "mirror_mouse": ("mirror_mouse/data/mirror-mouse-example",
                         ("train_dataloader.dataset.transforms.0.rotation=15",
                          "train_dataloader.dataset.transforms.1.probability=0"), False)}
# As `aepose new` has it, and as a network is trained that knows nothing yet.
WAYS = {"from the network that ships": (),
        "from scratch": ("finetune_from=None", "model.keypoint_head.losses.0.push=0.01",
                         "model.keypoint_head.losses.0.pull=0.003")}
_QUALITY = ["AP", "AP75", "median, px", "mean, px", "creatures found, %", "keypoints found, %",
            "mixed up, %"]


def train(config: Path, changes: Sequence[str] = ()) -> float:
    """Train as a config says, in a process of its own; return the processor time it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "aepose", "train", config, "--cfg-options",
                    "train_dataloader.num_workers=0", *changes],
                   check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def find(config: Path, flip: bool = True) -> float:
    """Find creatures in the test pictures and write predictions.json beside the config.

    Returns the processor time that a picture took.
    """
    experiment = aepose.Experiment.load(config, [f"test_time.flip={flip}"])
    start = time.process_time()
    aepose.evaluate(experiment, config.parent / "work_dir" / "last.pth", out=config.parent)
    return (time.process_time() - start) / len(experiment.dataset("test"))


def quality(found: Found) -> list[str]:
    """Return the cells of _QUALITY."""
    start = [f"{found.ap:.3f}", f"{found.ap75:.3f}"]
    if not len(found.errors):
        return [*start, "-", "-", f"{100 * found.creatures:.1f}", "-", "-"]
    return [*start, f"{np.median(found.errors):.2f}", f"{found.errors.mean():.2f}",
            f"{100 * found.creatures:.1f}", f"{100 * found.keypoints:.1f}",
            f"{100 * found.mixed:.2f}"]


def flies(folder: Path, python: Path | None) -> str:
    """Return the table of both sides."""
    source = ANIMALS / "flies13" / "annotations"
    rows = []
    for name, changes in WAYS.items():
        project = new_project(folder / name.replace(" ", "_"), source=str(source / "train.json"),
                              val=str(source / "val.json"))
        seconds = train(project.config, changes)
        for flip in (True, False):
            taken = find(project.config, flip)
            found = measure(source / "val.json", project.config.parent / "predictions.json",
                            project.metainfo)
            rows.append([f"aepose, {name}" + ("" if flip else ", no flip test"),
                         f"{seconds / 60:.1f}", *quality(found), f"{1 / taken:.2f}"])
    if python:
        run = peer(folder / "sleap-nn", python, seconds)
        found = measure(source / "val.json", folder / "sleap-nn" / "found.json", project.metainfo)
        rows.append(["sleap-nn, bottom-up", f"{run['training seconds'] / 60:.1f}", *quality(found),
                     f"{1 / run['seconds a picture']:.2f}"])
    return table(["", "training, min", *_QUALITY, "pictures/s"], rows)


def peer(folder: Path, python: Path, seconds: float) -> dict[str, float]:
    """Train sleap-nn for as long, and find flies with it."""
    folder.mkdir()
    for part in ("train", "val"):
        source = ANIMALS / "flies13"
        data = json.loads((source / "annotations" / f"{part}.json").read_text())
        for image in data["images"]:
            image["file_name"] = str(source / part / image["file_name"])
        write_json(folder / f"{part}.json", data)
    subprocess.run([python, PEER / "run.py", folder / "train.json", folder / "val.json", folder,
                    str(round(seconds))], check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "run.json").read_text())


def mice(folder: Path, name: str, epochs: int, splits: int = 3) -> str:
    """Return the table of a mouse: a fifth of the pictures is tested, drawn anew in each split."""
    place, changes, flip = MICE[name]
    labels = read_labels(ANIMALS / place)
    images = labels.data["images"]
    rows, medians, means = [], [], []
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(len(images))
        parts = {"val": order[:len(images) // 5], "train": order[len(images) // 5:]}
        here = folder / f"{name}_{seed}"
        here.mkdir()
        for part, chosen in parts.items():
            write_json(here / f"{part}.json",
                       with_images(labels.data, [images[i] for i in sorted(chosen)]))
        project = new_project(here / "project", source=str(here / "train.json"),
                              val=str(here / "val.json"), images=str(labels.folder))
        seconds = train(project.config, [
            f"train_cfg.max_epochs={epochs}", f"param_scheduler.1.T_max={epochs}",
            f"train_cfg.val_interval={epochs}", *changes])
        find(project.config, flip)
        found = measure(here / "val.json", here / "project" / "predictions.json",
                        project.metainfo, best_alone=True)
        medians.append(float(np.median(found.errors)))
        means.append(float(found.errors.mean()))
        rows.append([f"split {seed}", f"{seconds / 60:.1f}", f"{medians[-1]:.2f}",
                     f"{means[-1]:.2f}", f"{100 * found.keypoints:.1f}", f"{found.ap:.3f}"])
    rows.append(["mean", "", f"{np.mean(medians):.2f}", f"{np.mean(means):.2f}", "", ""])
    return table([name, "training, min", "median, px", "mean, px", "keypoints found, %", "AP"],
                 rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="for what is trained; new, takes some 100 MB")
    parser.add_argument("--only", choices=("flies", *MICE))
    parser.add_argument("--mouse-epochs", type=int, default=2, help="of 200 steps (default 2)")
    parser.add_argument("--peer", type=Path, default=FOLDER / "peer_tracking" / ".venv",
                        help="folder of the peer's environment")
    options = parser.parse_args()
    if not ANIMALS.is_dir():
        raise SystemExit(f"the pictures are not there: {ANIMALS}")
    limit_threads(1)
    os.environ["PYTHONPATH"] = str(ROOT)
    python = options.peer / "bin" / "python"
    if not python.is_file():
        print("The peer is not set up (benchmarks/peer_animals/setup.sh); aepose alone.\n",
              file=sys.stderr)
        python = None
    options.folder.mkdir(parents=True)
    if options.only in (None, "flies"):
        print("**Flies**\n\n" + flies(options.folder / "flies", python) + "\n", flush=True)
    for name in MICE:
        if options.only in (None, name):
            print(f"{mice(options.folder, name, options.mouse_epochs)}\n", flush=True)


if __name__ == "__main__":
    main()
