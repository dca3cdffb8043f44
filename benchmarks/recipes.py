"""Does it help? Trainings of equal processor time that differ in one thing: ``make bench-recipes``.

``python benchmarks/recipes.py FOLDER`` trains on drawn people of the hard preset and on flies
(``../shared/data/animals``; left out where they are missing), each variant with several seeds, and
prints a table for each data set: AP and AP50 of the last checkpoint without flip test. How many
steps fit into the minutes is measured first, for each variant. What FOLDER has is not trained
again.

The losses start from the network that ships, whose heatmaps are good already; the backbones start
from nothing or from ImageNet (``--imagenet``: EfficientNet-Lite0's weights, see docs/networks.md;
without them those rows are left out).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from aepose.datasets.annotations import with_images
from aepose.datasets.collate import collate_train
from aepose.experiment import Experiment
from aepose.files import write_json
from aepose.project.new import new_project
from aepose.registry import SCOPE
from aepose.toy import make_toy_dataset
from aepose.zoo.hub import TOY_CHECKPOINT
from common import ROOT, limit_threads, table, take_turns

FLIES = ROOT.parent / "shared" / "data" / "animals" / "flies13" / "annotations"
FEWER = 25, 100  # of the 375 pictures of flies
BATCH, ROUNDS = 8, 7  # pictures of a step; rounds in which steps are timed
TOY = """
_base_ = 'aepose::_base_/small_data.py'
metainfo = 'coco'
codec = dict(convention='classic')
data_root = '{{ fileDirname }}'
optim_wrapper = dict(optimizer=dict(lr=0.0003))    # for weights that find people already
train_dataloader = dict(dataset=dict(
    ann_file='annotations/person_keypoints_train2017.json', img_dir='train2017', transforms=[
        dict(type='RandomAffine', scale=(0.8, 1.2), rotation=10, translation=10,
             scale_type='short'),
        dict(type='RandomFlip', probability=0.5)]))
val_dataloader = dict(dataset=dict(
    ann_file='annotations/person_keypoints_val2017.json', img_dir='val2017'))
"""
START = f"finetune_from = {TOY_CHECKPOINT.name!r}\n"
SCRATCH = "finetune_from = None\n"
LOSS = "model = dict(keypoint_head=dict(scales={}, losses=[dict(type='{}', push={}, pull={})]))\n"
LOSSES = {
    "PoseLoss, push 0.01, pull 0.003": LOSS.format(False, "PoseLoss", 0.01, 0.003),
    "PoseLoss, push 0.001, pull 0.001": LOSS.format(False, "PoseLoss", 0.001, 0.001),
    "SWAHRLoss, push 0.01, pull 0.003": LOSS.format(True, "SWAHRLoss", 0.01, 0.003),
}
# Of flies, for whom the factors count. From scratch with the others: the HRNet of the backbones.
MORE_LOSSES = {
    "SWAHRLoss, push 0.001, pull 0.001": START + LOSS.format(True, "SWAHRLoss", 0.001, 0.001),
    "PoseLoss, push 0.001, pull 0.001, from scratch":
        SCRATCH + LOSSES["PoseLoss, push 0.001, pull 0.001"],
}
BACKBONE = SCRATCH + LOSSES["PoseLoss, push 0.01, pull 0.003"]
LITE0 = BACKBONE + (
    "model['backbone'] = dict(_delete_=True, type='Timm', name='tf_efficientnet_lite0', "
    "pretrained=False, neck_channels=64)\nmodel['pretrained'] = {!r}\n")


@dataclass(frozen=True)
class Variant:
    """One way to train: the config of the data, and what is changed in it, as text."""

    data: str
    name: str
    base: Path
    changes: str

    def config(self) -> Path:
        """Write the config; returns its path."""
        slug = "".join(c if c.isalnum() else "_" for c in self.name)
        path = self.base.with_name(f"{slug}.py")
        path.write_text(f"_base_ = '{self.base.name}'\n{self.changes}", encoding="utf-8")
        return path

    def train(self, config: Path, out: Path, steps: int, seed: int) -> float:
        """Train for some steps in one epoch; returns the minutes of processor time in all."""
        command = [
            sys.executable, "-m", "aepose", "train", config, "--work-dir", out, "--cfg-options",
            f"train_dataloader.sampler.samples={BATCH * steps}", "train_dataloader.num_workers=0",
            "train_cfg.max_epochs=1", "param_scheduler.1.T_max=1", f"randomness.seed={seed}",
            "test_time.flip=False"]
        out.mkdir(parents=True, exist_ok=True)
        with (out / "printed.txt").open("w") as printed:
            process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.data}, {self.name}: training failed, see {printed.name}")
        return (usage.ru_utime + usage.ru_stime) / 60


def variants(folder: Path, imagenet: Path | None) -> Iterator[Variant]:
    """Yield all that is trained; writes data sets and configs that are not there."""
    toy = folder / "toy" / "config.py"
    if not toy.is_file():
        make_toy_dataset(toy.parent, 800, 200, seed=0, hard=True)
        toy.write_text(TOY, encoding="utf-8")
    for name, changes in LOSSES.items():
        yield Variant("drawn people, hard, 800 pictures", name, toy, START + changes)
    if not FLIES.is_dir():
        print(f"- Left out: flies are not in {FLIES}")
        return
    everything = json.loads((FLIES / "train.json").read_text())
    counts = *FEWER, len(everything["images"])
    configs = {count: flies(folder / f"flies_{count}", everything, count) for count in counts}
    started = {name: START + changes for name, changes in LOSSES.items()}
    for name, changes in (started | MORE_LOSSES).items():
        yield Variant(f"flies, {counts[-1]} pictures", name, configs[counts[-1]], changes)
    backbones = {"HRNet-w16": BACKBONE, "EfficientNet-Lite0": LITE0.format(None)}
    if imagenet:
        backbones["EfficientNet-Lite0 from ImageNet"] = LITE0.format(str(imagenet.resolve()))
    else:
        print("- Left out: ImageNet's weights, see --imagenet")
    for count in counts:
        for name, changes in backbones.items():
            yield Variant(f"flies, {count} pictures, backbones", name, configs[count], changes)


def flies(folder: Path, everything: dict, count: int) -> Path:
    """Return the config of a project with so many pictures of flies, evenly from the film."""
    config = folder / "config.py"
    if not config.is_file():
        images = everything["images"]
        chosen = [images[i] for i in np.linspace(0, len(images) - 1, count).round().astype(int)]
        source = folder.with_name(f"{folder.name}_source")
        (source / "annotations").mkdir(parents=True)
        (source / "train").symlink_to(FLIES.parent / "train")
        write_json(source / "annotations" / "train.json", with_images(everything, chosen))
        new_project(folder, source=str(source / "annotations" / "train.json"),
                    val=str(FLIES / "val.json"))
    return config


def training_step(variant: Variant) -> Callable[[], float]:
    """Return a training step, its pictures included, that returns its processor time in seconds."""
    experiment = Experiment.load(variant.config())
    model = experiment.network().train()
    with DefaultScope.overwrite_default_scope(SCOPE):
        wrapper = build_optim_wrapper(model, Config(experiment.to_dict()).optim_wrapper)
    dataset = experiment.dataset("train")

    def step() -> float:
        start = time.process_time()
        batch = collate_train([dataset[index] for index in range(BATCH)])
        model.train_step(batch, wrapper)
        return time.process_time() - start

    return step


def plan(folder: Path, chosen: list[Variant], minutes: float) -> None:
    """Write how many steps of each variant fit into the minutes, where that was not done."""
    path = folder / "steps.json"
    stored = json.loads(path.read_text()) if path.is_file() else {"minutes": minutes, "steps": {}}
    if stored["minutes"] != minutes:
        raise SystemExit(f"{folder} has trainings of {stored['minutes']} minutes; give another one")
    known = stored["steps"]
    taken = take_turns({str(v.config()): training_step(v) for v in chosen
                        if str(v.config()) not in known}, ROUNDS)
    write_json(path, {**stored, "steps": known | {
        config: round(60 * minutes / seconds) for config, seconds in taken.items()}})


def outcome(folder: Path, variant: Variant, seed: int) -> None:
    """Train a variant with a seed, unless that was done."""
    config = variant.config()
    done = config.parent / "trained" / config.stem / str(seed) / "outcome.json"
    if not done.is_file():
        steps = json.loads((folder / "steps.json").read_text())["steps"][str(config)]
        shutil.rmtree(done.parent, ignore_errors=True)  # of a training that was stopped
        taken = variant.train(config, done.parent, steps, seed)
        metrics = json.loads((done.parent / "metrics.json").read_text())["metrics"]
        found = {name.rpartition("/")[2]: value for name, value in metrics.items()}
        write_json(done, {"AP": found["AP"], "AP50": found["AP50"], "steps": steps,
                          "minutes": taken})
        for checkpoint in done.parent.glob("*.pth"):
            if checkpoint.name != "last.pth":
                checkpoint.unlink()
        print(f"{variant.data}, {variant.name}, seed {seed}: AP {found['AP']:.3f}, {steps} steps",
              file=sys.stderr, flush=True)


def report(chosen: list[Variant], seeds: int) -> str:
    """Return a table for each data set."""
    parts = []
    for data in dict.fromkeys(variant.data for variant in chosen):
        rows = []
        for variant in (v for v in chosen if v.data == data):
            config = variant.config()
            folder = config.parent / "trained" / config.stem
            runs = [json.loads((folder / str(seed) / "outcome.json").read_text())
                    for seed in range(seeds)]
            rows.append([variant.name, *(cell for metric in ("AP", "AP50") for cell in spread(
                [run[metric] for run in runs])), f"{runs[0]['steps']}",
                f"{np.mean([run['minutes'] for run in runs]):.1f}"])
        parts.append(f"**{data[0].upper()}{data[1:]}**\n\n" + table(
            ["", "AP", f"of {seeds} seeds", "AP50", f"of {seeds} seeds", "steps",
             "minutes of one core"], rows))
    return "\n\n".join(parts)


def spread(values: list[float]) -> tuple[str, str]:
    """Return the mean, and the smallest and the largest."""
    return f"{np.mean(values):.3f}", f"{min(values):.3f} to {max(values):.3f}"


def main() -> None:
    """Train what is not trained yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="for data sets and what is trained")
    parser.add_argument("--minutes", type=float, default=5,
                        help="of a core for the steps of each training (default 5)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at once (default 2)")
    parser.add_argument("--imagenet", type=Path, metavar="FILE",
                        help="weights of EfficientNet-Lite0")
    options = parser.parse_args()
    limit_threads(1)
    os.environ["PYTHONPATH"] = str(ROOT)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(variants(folder, options.imagenet))
    plan(folder, chosen, options.minutes)
    # All variants with one seed before the next, so that a table can be made of what there is.
    with ThreadPoolExecutor(options.jobs) as pool:
        for seed in range(options.seeds):
            list(pool.map(lambda variant, seed=seed: outcome(folder, variant, seed), chosen))
    print(report(chosen, options.seeds))


if __name__ == "__main__":
    main()
