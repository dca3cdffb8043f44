"""How long evaluation takes against xtcocotools: ``python benchmarks/evaluate.py``.

5000 pictures with 20 detections each, from the list of predictions in memory to the numbers.
Needs ``pip install faster-coco-eval xtcocotools``; what is not installed is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
from collections.abc import Callable

import numpy as np

from aepose.evaluation import (
    GroundTruth,
    Part,
    evaluate_records,
    find_backend,
    installed_backends,
    parts_of,
)
from aepose.metainfo import get_metainfo
from common import parse, seconds, table, take_turns

DETECTIONS, MOST_PEOPLE, SIZE = 20, 6, 480
CATEGORIES = [{"id": 1, "name": "person"}]


def make_person(rng: np.random.Generator, number: int, image_id: int, keypoints: int) -> dict:
    """Return an annotation of random keypoints, some of them unlabelled."""
    side = float(rng.uniform(20, 200))
    places = rng.uniform(0, SIZE - side, 2) + rng.uniform(0, side, (keypoints, 2))
    visibility = rng.integers(0, 3, (keypoints, 1))
    return {"id": number, "image_id": image_id, "category_id": 1, "iscrowd": 0,
            "bbox": [*places.min(axis=0).tolist(), side, side], "area": side**2 * 0.6,
            "num_keypoints": int((visibility > 0).sum()),
            "keypoints": np.hstack([places, visibility]).ravel().tolist()}


def make_input(pictures: int, part: Part) -> tuple[GroundTruth, list[dict]]:
    """Return annotations, and records of which the first of a picture are near its people."""
    rng, count = np.random.default_rng(0), len(part.sigmas)
    people, records = [], []
    for image_id in range(1, pictures + 1):
        here = [make_person(rng, len(people) + n, image_id, count)
                for n in range(1, 1 + rng.integers(MOST_PEOPLE))]
        people += here
        for number in range(DETECTIONS):
            places = rng.uniform(0, SIZE, (count, 2))
            if number < len(here):
                true = np.reshape(here[number]["keypoints"], (-1, 3))[:, :2]
                places = true + rng.normal(0, rng.uniform(1, 12), true.shape)
            low, high = places.min(axis=0), places.max(axis=0)
            records.append({
                "image_id": image_id, "category_id": 1, "score": float(rng.random()),
                "keypoints": np.hstack([places, rng.random((count, 1))]).ravel().tolist(),
                "bbox": [*low.tolist(), *(high - low).tolist()]})
    images = [{"id": i, "file_name": f"{i}.jpg", "width": SIZE, "height": SIZE}
              for i in range(1, pictures + 1)]
    return GroundTruth(images, CATEGORIES, people), records


def by_hand(truth: GroundTruth, records: list[dict], part: Part) -> Callable[[], float]:
    """Return a function that evaluates as xtcocotools' own documentation does."""
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval

    def run() -> float:
        # It writes into its input, so each round gets a copy; copying is not timed.
        people, found = copy.deepcopy(truth.people), copy.deepcopy(records)
        return seconds(lambda: evaluate(people, found))

    def evaluate(people: list[dict], found: list[dict]) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            index = COCO()
            index.dataset = {"images": truth.images, "categories": CATEGORIES,
                             "annotations": people}
            index.createIndex()
            evaluator = COCOeval(index, index.loadRes(found), "keypoints", np.array(part.sigmas))
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
        stats.append(evaluator.stats[0])

    stats: list[float] = []
    run.stats = stats
    return run


def main(pictures: int, repeats: int) -> str:
    """Return the table."""
    (part,) = parts_of(get_metainfo("coco"))
    truth, records = make_input(pictures, part)
    found: dict[str, float] = {}

    def ours(name: str) -> Callable[[], float]:
        backend = find_backend(name)

        def run() -> None:
            found[name] = evaluate_records(truth, records, part, backend=backend).stats["AP"]

        return lambda: seconds(run)

    timers = {name: ours(name) for name in installed_backends()}
    peer = by_hand(truth, records, part) if "xtcoco" in timers else None
    if peer:
        timers["xtcocotools by itself"] = peer
    taken = take_turns(timers, repeats)
    if peer:
        found["xtcocotools by itself"] = peer.stats[-1]
    slowest = taken.get("xtcocotools by itself")
    return table(["evaluator", "seconds", "ratio", "AP"], [
        [name if name == "xtcocotools by itself" else f"aepose, {name}", f"{value:.2f}",
         f"{slowest / value:.1f}x" if slowest else "-", f"{found[name]:.12f}"]
        for name, value in taken.items()])


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)


if __name__ == "__main__":
    options = parse(__doc__, _arguments)
    print(f"{options.pictures} pictures, {DETECTIONS} detections in each")
    print(main(options.pictures, options.repeats))
