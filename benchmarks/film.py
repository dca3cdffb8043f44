"""A long film from file to file: frames per second of each stage, and memory as it goes on.

By the network that ships, on a toy film, as ``aepose predict film.mp4 --out film_poses.mp4`` does.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aepose.apis.loading import load_model
from aepose.apis.predict_film import predict_film
from aepose.film.tracking import Tracker
from aepose.film.video import Film
from aepose.film.writer import film_writer
from aepose.results import PoseResult, read_results
from aepose.toy.film import draw_film
from common import table

SIZE = (416, 288)


def resident() -> float:
    """Return the memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def make_film(path: Path, frames: int) -> None:
    """Write a toy film of five people."""
    with film_writer(path, SIZE, 25) as film:
        for frame in draw_film(frames, 5, seed=0, size=SIZE):
            film.write(frame.image)


def noting(items: Iterable[Any], marks: dict[int, float]) -> Iterator[Any]:
    """Note the memory at some of the items as they go by."""
    for number, item in enumerate(items, start=1):
        if number in marks:
            marks[number] = resident()
        yield item


def per_second(frames: int, work: Iterable[Any]) -> str:
    """Return how many frames a second a stage does by itself."""
    start = time.perf_counter()
    for _ in work:
        pass
    return f"{frames / (time.perf_counter() - start):.0f}"


def encode(source: Path, target: Path, results: list[PoseResult]) -> Iterator[None]:
    """Draw and write a film whose results are known."""
    with film_writer(target, SIZE, 25) as film:
        for frame, result in zip(Film(source), results, strict=True):
            film.write(result.draw(frame.image))
            yield


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    options = parser.parse_args()
    frames = options.frames
    marks = dict.fromkeys([n for n in (10, 100, 200, 500, 1000, 1500, 2000) if n <= frames], 0.0)
    with tempfile.TemporaryDirectory() as folder:
        film, target = Path(folder) / "toy.mp4", Path(folder) / "poses.mp4"
        make_film(film, frames)
        model = load_model(device="cpu", cfg_options=["test_time.flip=False"])
        start = time.perf_counter()
        seconds = {"read": 0.0, "network": 0.0, "decode": 0.0}
        for result in noting(model.predict(film), marks):
            for stage, took in result.seconds.items():
                seconds[stage] += took
        found = time.perf_counter() - start
        predict_film(model, film, target)
        again = resident()
        people = list(read_results(target.with_suffix(".jsonl")))
        tracker = Tracker(model.metainfo.sigmas)
        rows = [
            ["read frames (decode the film)", per_second(frames, Film(film))],
            ["network", f"{frames / seconds['network']:.1f}"],
            ["maps to people", f"{frames / seconds['decode']:.0f}"],
            ["all of these, side by side", f"{frames / found:.1f}"],
            ["follow", per_second(frames, (tracker.update(
                r.keypoints, r.found, r.scores) for r in people))],
            ["draw and encode", per_second(frames, encode(film, target, people))],
        ]
    print(table(["stage", "frames per second"], rows))
    print()
    print(table(["after frame", "memory, MiB"], [
        *([str(n), f"{mib:.0f}"] for n, mib in marks.items()),
        ["the film again, into files", f"{again:.0f}"]]))


if __name__ == "__main__":
    main()
