"""Two classes in one network against two networks: ``python benchmarks/own_worlds.py``.

Draws beetles (9 keypoints) and hands (21), several and of both kinds to a picture, in a folder
outside the checkout, and runs the commands there as a user does: `aepose toy`, and for each of
three networks `aepose train`, `aepose test` and `aepose ceiling`. All three see the same pictures
for the same number of steps, with the same settings and starting weights; a network of one class
is given the annotations of that class alone, and the other class is background to it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aepose.zoo.hub import TOY_CHECKPOINT
from common import ROOT, limit_threads, table

CLASSES = {"beetle": 9, "hand": 21}
CONFIG = """
_base_ = ['aepose::_base_/runtime.py', 'aepose::_base_/datasets/toy.py',
          'aepose::_base_/models/toy_hrnet.py']
metainfo = '{metainfo}'
data_root = 'world'
finetune_from = '{start}'
train_dataloader = dict(batch_size=8, dataset=dict(include_empty=True, transforms=[
    dict(type='RandomAffine', scale=(0.8, 1.2), rotation=180, translation=10, scale_type='short'),
    dict(type='RandomFlip', probability=0.5)]))
train_cfg = dict(type='PoseTrainLoop', max_epochs={epochs}, val_interval=1000)
optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=0.002))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=20, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max={epochs}, by_epoch=True, convert_to_iter_based=True)]
default_hooks = dict(checkpoint=dict(interval={epochs}, max_keep_ckpts=1))
"""


@dataclass(frozen=True)
class Outcome:
    """What a network reached: AP and the AP of perfect maps, by class; minutes of one core."""

    ap: dict[str, float]
    ceiling: dict[str, float]
    minutes: float


def aepose(folder: Path, *arguments: str) -> str:
    """Run a command in ``folder`` and return what it prints; raises CalledProcessError."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "aepose", *arguments], cwd=folder, check=True,
                          env=environment, text=True, stdout=subprocess.PIPE).stdout


def core_minutes() -> float:
    """Minutes of processor time of the programs that were started from here."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) / 60


def by_class(scores: dict[str, float], classes: list[str]) -> dict[str, float]:
    """AP by class; of a single class it is simply AP."""
    if len(classes) == 1:
        return {classes[0]: scores["AP"]}
    return {name: scores[f"{name} AP"] for name in classes}


def first_row(printed: str) -> dict[str, float]:
    """The numbers of the first row of a printed table, by column."""
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    header, row = ([cell.strip() for cell in lines[number].split("|")[2:-1]] for number in (0, 2))
    return {name: float(value) for name, value in zip(header, row, strict=True) if value != "-"}


def train(folder: Path, name: str, metainfo: str, classes: list[str], epochs: int) -> Outcome:
    """Train and test a network of some classes."""
    config = f"{name}.py"
    (folder / config).write_text(CONFIG.format(metainfo=metainfo, start=TOY_CHECKPOINT,
                                               epochs=epochs))
    before = core_minutes()
    aepose(folder, "train", config)
    minutes = core_minutes() - before
    aepose(folder, "test", config, f"work_dirs/{name}/last.pth", "--out", f"tested/{name}")
    metrics = json.loads((folder / "tested" / name / "metrics.json").read_text())["metrics"]
    return Outcome(by_class(metrics, classes),
                   by_class(first_row(aepose(folder, "ceiling", config)), classes), minutes)


def report(outcomes: dict[str, Outcome], pictures: int, epochs: int) -> str:
    """Return the text for RESULTS.md."""
    rows = []
    for name, outcome in outcomes.items():
        for number, (kind, ap) in enumerate(outcome.ap.items()):
            ceiling = outcome.ceiling[kind]
            rows.append([name, kind, f"{CLASSES[kind]}", f"{ap:.3f}", f"{ceiling:.3f}",
                         f"{ap / ceiling:.0%}", "" if number else f"{outcome.minutes:.1f}"])
    return (f"{pictures} pictures, {epochs} epochs, batches of 8: {pictures // 8 * epochs} steps "
            "of each training, from the toy checkpoint\nthat ships; last checkpoint, single scale, "
            "flip test. Minutes are processor time\nof `aepose train`, which ends with a "
            "validation.\n\n" + table(
                ["network", "class", "keypoints", "OKS-AP", "ceiling", "of it",
                 "minutes of one core"], rows))


def main() -> None:
    """Draw the world, train, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="keep all files there (default: nowhere)")
    parser.add_argument("--pictures", type=int, default=800, help="to train on (default 800)")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    limit_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        aepose(folder, "toy", "--out", "world", "--train", str(options.pictures), "--val", "200",
               *(word for name in CLASSES for word in ("--creature", name)))
        outcomes = {name: train(folder, name, f"world/metainfo/{name}.json", [name], options.epochs)
                    for name in CLASSES}
        outcomes["both in one"] = train(folder, "both", "world/keypoints.json", list(CLASSES),
                                        options.epochs)
        print(report(outcomes, options.pictures, options.epochs))


if __name__ == "__main__":
    main()
