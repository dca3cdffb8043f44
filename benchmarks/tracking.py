"""Identities and smoothing in films, beside the trackers of sleap-nn.

Both sides get the same detections; who is in them is known (see ``tracking_films.py``). Needs
``trackeval`` and, for films of flies, ``sleap-io``; the peer is set up by
``benchmarks/peer_tracking/setup.sh``, and left out where it is not.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from aepose.film.smoothing import OneEuro, savitzky_golay
from aepose.film.tracking import Tracker
from aepose.metainfo import get_metainfo
from common import FOLDER, table
from tracking_films import Case, Poses, cases, save
from tracking_metrics import measure

PEER = FOLDER / "peer_tracking"
PEERS = ("classic", "sort", "bytetrack", "ocsort")
NAMES = {"classic": "sleap-nn OKS", "sort": "sleap-nn SORT", "bytetrack": "sleap-nn ByteTrack",
         "ocsort": "sleap-nn OC-SORT"}
Run = tuple[list[np.ndarray], float]
"""Identities (P,) per frame, and the seconds that they took."""


def ours(case: Case, individuals: int | None) -> Run:
    """Track a film."""
    tracker = Tracker(case.sigmas, individuals)
    start = time.perf_counter()
    tracked = [tracker.update(poses.keypoints, poses.found, poses.scores)
               for poses in case.detections]
    return [frame.identities for frame in tracked], time.perf_counter() - start


def peers(case: Case, individuals: int | None, name: str, python: Path, folder: Path) -> Run:
    """Track a film with a tracker of sleap-nn."""
    save(folder / "in.npz", case.detections)
    number = [] if individuals is None else [str(individuals)]
    subprocess.run([python, PEER / "track.py", folder / "in.npz", folder / "out.npz", name,
                    *number], check=True, stdout=subprocess.DEVNULL)
    out = np.load(folder / "out.npz")
    ends = np.cumsum([len(poses.scores) for poses in case.detections])[:-1]
    return np.split(out["identities"], ends), float(out["seconds"])


def identities_table(films: Sequence[Case], known: bool, python: Path | None) -> str:
    """Return a table of all trackers on films of one kind, put together."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        trackers = {"aepose": ours}
        for name in PEERS if python else ():
            trackers[NAMES[name]] = lambda case, number, name=name: peers(
                case, number, name, python, Path(folder))
        for name, track in trackers.items():
            runs = [track(case, case.individuals if known else None) for case in films]
            found = measure([(case, run[0]) for case, run in zip(films, runs, strict=True)])
            frames = sum(len(case.truth) for case in films)
            rows.append([name, *(f"{found[key]:.1f}" for key in ("HOTA", "AssA", "DetA", "IDF1")),
                         str(found["switches"]), f"{1000 * sum(r[1] for r in runs) / frames:.2f}"])
    return table(["tracker", "HOTA", "AssA", "DetA", "IDF1", "switches", "ms a frame"], rows)


def smoothed(case: Case, how: str) -> list[np.ndarray]:
    """(P, K, 2) smoothed detections per frame, in which truth gives the identities."""
    frames = [_in_order(found, true) for found, true in zip(case.detections, case.truth,
                                                            strict=True)]
    if how == "none":
        return [keypoints for keypoints, _, _ in frames]
    if how == "one-euro":
        smoother = OneEuro(25)
        return [smoother.update(*frame) for frame in frames]
    result = [keypoints.copy() for keypoints, _, _ in frames]
    for identity in {int(i) for _, _, ids in frames for i in ids}:
        there = [(t, int(np.flatnonzero(ids == identity)[0]))
                 for t, (_, _, ids) in enumerate(frames) if identity in ids]
        # Every run of frames in a row by itself.
        for _, run in itertools.groupby(enumerate(there), lambda pair: pair[1][0] - pair[0]):
            places = [place for _, place in run]
            smooth = savitzky_golay(np.array([frames[t][0][p] for t, p in places]),
                                    np.array([frames[t][1][p] for t, p in places]))
            for (t, p), keypoints in zip(places, smooth, strict=True):
                result[t][p] = keypoints
    return result


def _in_order(found: Poses, true: Poses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoints, found and identities of the detections that lie on a true person, nearest one."""
    if not len(found.keypoints) or not len(true.keypoints):
        return found.keypoints[:0], found.found[:0], np.zeros(0, np.int64)
    away = np.linalg.norm(found.keypoints[:, None] - true.keypoints[None], axis=3).mean(axis=2)
    best = away.argmin(axis=0)
    kept = [t for t, p in enumerate(best) if away[p].argmin() == t]
    return found.keypoints[best[kept]], found.found[best[kept]], true.identities[kept]


def smoothing_row(films: Iterable[Case], how: str) -> list[str]:
    """Measure smoothing against truth, in percent of body size: error, jitter, lag in frames."""
    errors, jitters, behind, ahead = [], [], [], []
    for case in films:
        seen: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
        for t, (true, keypoints) in enumerate(zip(case.truth, smoothed(case, how), strict=True)):
            ids = _in_order(case.detections[t], true)[2]
            for identity, pose in zip(ids, keypoints, strict=True):
                p = int(np.flatnonzero(true.identities == identity)[0])
                where = np.where(true.found[p][:, None], true.keypoints[p], np.nan)
                seen.setdefault(int(identity), []).append((t, where, pose))
        for person in seen.values():
            times = np.array([t for t, _, _ in person])
            true, pose = (np.array([entry[k] for entry in person]) for k in (1, 2))
            size = np.sqrt(np.nanmedian(np.prod(np.nanmax(true, 1) - np.nanmin(true, 1), axis=-1)))
            row = np.flatnonzero((times[2:] - times[:-2]) == 2)
            off, speed = (pose - true) / size, (true[row + 2] - true[row]) / 2 / size
            errors.append(np.linalg.norm(off, axis=2).ravel())
            jitters.append((off[row + 2] - 2 * off[row + 1] + off[row]).ravel())
            behind.append((-off[row + 1] * speed).ravel())
            ahead.append((speed**2).ravel())
    error, jitter, lag, pace = (np.concatenate(v) for v in (errors, jitters, behind, ahead))
    return [how, f"{100 * np.nanmedian(error):.2f}", f"{100 * np.nanstd(jitter):.2f}",
            f"{np.nansum(lag) / np.nansum(pace):.2f}"]


def milliseconds(people: int = 15, frames: int = 400) -> float:
    """Return what tracking and One-Euro smoothing together take per frame in which all are found.

    The median over the frames.
    """
    rng = np.random.default_rng(0)
    sigmas = get_metainfo("coco").sigmas
    tracker, smoother, taken = Tracker(sigmas), OneEuro(25), []
    shapes = rng.uniform(0, 60, (people, len(sigmas), 2)) + rng.uniform(0, 900, (people, 1, 2))
    for _ in range(frames):
        shapes += rng.normal(0, 1, (people, 1, 2))
        keypoints = shapes + rng.normal(0, 1, shapes.shape)
        found = rng.random(shapes.shape[:2]) < 0.9
        start = time.perf_counter()
        tracked = tracker.update(keypoints, found, np.ones(people))
        smoother.update(keypoints, found, tracked.identities)
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, default=PEER / ".venv",
                        help="folder of the peer's environment")
    parser.add_argument("--seed", type=int, default=0, help="of what makes detections worse")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    python = options.peer / "bin" / "python"
    if not python.is_file():
        print("The peer is not set up (benchmarks/peer_tracking/setup.sh); aepose alone.\n",
              file=sys.stderr)
        python = None
    kinds: dict[str, list[Case]] = {}
    for case in cases(options.seed):
        kinds.setdefault(case.kind, []).append(case)
    for kind, films in kinds.items():
        frames = sum(len(case.truth) for case in films)
        for known in (False, True):
            how = "number of individuals known" if known else "number of individuals unknown"
            print(f"**{kind}**, {len(films)} films, {frames} frames, {how}\n")
            print(identities_table(films, known, python) + "\n", flush=True)
    print("**Smoothing**, identities given\n")
    for kind, films in kinds.items():
        print(table([kind, "error, %", "jitter, %", "lag, frames"],
                    [smoothing_row(films, how) for how in ("none", "one-euro", "savgol")]) + "\n")
    print(f"Tracking and One-Euro smoothing of 15 people in every frame: {milliseconds():.2f} ms a "
          "frame.")


if __name__ == "__main__":
    main()
