"""Rescoring on drawn people: AP before and after, each half scored by what the other one teaches.

``python benchmarks/rescore.py [--pictures N] [--seed N]`` draws pictures, tests the network that
ships on them, and prints a table. Keypoints are compared: rescoring changes scores alone.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aepose.apis.evaluate import evaluate
from aepose.evaluation import CocoMetric, Record, load_records
from aepose.experiment import Experiment, coco_metrics
from aepose.rescoring import Rescorer
from aepose.rescoring.features import targets
from aepose.tables import format_table
from aepose.toy import make_toy_dataset

CONFIG = "hrnet_w16_toy_256x256"
CHECKPOINT = Path(__file__).parents[1] / "aepose/assets" / f"{CONFIG}.safetensors"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0, help="of the pictures")
    return parser.parse_args(argv)


def find_people(folder: Path, pictures: int, seed: int) -> tuple[CocoMetric, list[Record]]:
    """Return the metric of new pictures, and the people that the network finds there."""
    root = make_toy_dataset(folder / "toy", 0, pictures, seed=seed)
    experiment = Experiment.load(CONFIG, [f"data_root={root}", "test_evaluator.extras=True"])
    evaluate(experiment, CHECKPOINT, folder / "work", out=folder / "found")
    (metric,) = coco_metrics(experiment)
    return metric, load_records(folder / "found" / "predictions.json", metric)


def average_precision(metric: CocoMetric, records: Sequence[Record], images: set) -> list[float]:
    """Return AP, AP50 and AP75 in some pictures."""
    metric.records = list(records)
    stats = metric.score(metric.scored[-1], sorted(images)).stats
    return [stats[name] for name in ("AP", "AP50", "AP75")]


def mean_scored(record: Record) -> Record:
    """Return a record scored by the mean of its keypoints' scores."""
    return {**record, "score": float(np.mean(record["keypoints"][2::3]))}


def without_extras(record: Record) -> Record:
    """Return a record as COCO's format has it."""
    return {key: value for key, value in record.items() if key not in ("found", "tags")}


def rows_of(metric: CocoMetric, records: Sequence[Record]) -> list[list[str]]:
    """Return the rows of the table, by half."""
    images = [image["id"] for image in metric.ground_truth.images]
    halves = [set(images[: len(images) // 2]), set(images[len(images) // 2 :])]
    rows = []
    for number, (own, other) in enumerate((halves, halves[::-1]), start=1):
        found, taught = ([r for r in records if r["image_id"] in half] for half in (own, other))
        plain = [list(map(without_extras, half)) for half in (found, taught)]
        ways = {
            "as found": found,
            "mean of all keypoints'": list(map(mean_scored, found)),
            "rescored": Rescorer.train(plain[1], metric, "").apply(plain[0], ""),
            "rescored, with found and tags": Rescorer.train(taught, metric, "").apply(found, ""),
            "the true OKS": [{**record, "score": float(oks)} for record, oks in zip(
                found, targets(found, metric)[0], strict=True)],
        }
        for name, scored in ways.items():
            if [r["keypoints"] for r in scored] != [r["keypoints"] for r in found]:
                raise SystemExit(f"{name}: keypoints have changed")
            numbers = average_precision(metric, scored, own)
            rows.append([str(number), name, *(f"{value:.4f}" for value in numbers)])
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    args = parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        metric, records = find_people(Path(folder), args.pictures, args.seed)
        print(f"{args.pictures} pictures, {len(records)} people found\n")
        print(format_table(["half", "scores", "AP", "AP50", "AP75"],
                           rows_of(metric, records)))


if __name__ == "__main__":
    main()
