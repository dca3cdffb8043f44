"""How long evaluation takes against xtcocotools: ``python benchmarks/evaluate.py``.

As many pictures as COCO's validation set has, with 20 detections each, from the list of detections
in memory to the numbers. xtcocotools runs in the peer's environment. Our own evaluator has several
programs to match by; those that are not installed in this environment are left out, and it says
why.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from aepose.errors import ConfigError
from aepose.evaluation import GroundTruth, Part, evaluate_records, find_backend, parts_of
from aepose.evaluation.backends import AUTO, BACKENDS, Backend
from aepose.metainfo import get_metainfo
from common import PEER_PYTHON, Peer, parse, seconds, table, take_turns

DETECTIONS, MOST_PEOPLE, SIZE = 20, 6, 480
CATEGORIES = [{"id": 1, "name": "person"}]
PEER = "xtcocotools by itself"


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


def usable_backends() -> list[Backend]:
    """Return our evaluator's programs that work here; print why the others do not."""
    found = []
    for name in BACKENDS:
        if name == AUTO:
            continue
        try:
            found.append(find_backend(name))
        except ConfigError as error:
            print(f"- Left out: {error}")
    return found


def main(pictures: int, repeats: int) -> str:
    """Return the table."""
    (part,) = parts_of(get_metainfo("coco"))
    truth, records = make_input(pictures, part)
    found: dict[str, float] = {}

    def ours(backend: Backend) -> Callable[[], float]:
        def run() -> None:
            found[backend.name] = evaluate_records(
                truth, records, part, backend=backend).stats["AP"]

        return lambda: seconds(run)

    timers = {backend.name: ours(backend) for backend in usable_backends()}
    with ExitStack() as stack:
        if PEER_PYTHON.is_file():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            given, result = folder / "given.json", folder / "ap.txt"
            given.write_text(json.dumps({
                "truth": {"images": truth.images, "categories": CATEGORIES,
                          "annotations": truth.people},
                "records": records, "sigmas": list(part.sigmas)}))
            peer = stack.enter_context(Peer("evaluate.py", given, result))
            timers[PEER] = lambda: peer.seconds("evaluate")
        else:
            print(f"- Left out: {PEER}; run benchmarks/peer/setup.sh first")
        taken = take_turns(timers, repeats)
        if PEER in taken:
            found[PEER] = float(result.read_text())
    return table(["evaluator", "seconds", "ratio", "AP"], [
        [name if name == PEER else f"aepose, {name}", f"{value:.2f}",
         f"{taken[PEER] / value:.1f}x" if PEER in taken else "-", f"{found[name]:.12f}"]
        for name, value in taken.items()])


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)


if __name__ == "__main__":
    options = parse(__doc__, _arguments)
    print(f"{options.pictures} pictures, {DETECTIONS} detections in each\n")
    result = main(options.pictures, options.repeats)
    print(f"\n{result}")
