"""Films with known identities, and detections as a pose network might give them.

Poses come from the toy world, or from SLEAP's label files in ``../shared``; detections are the true
poses made worse by :func:`degrade`, which both sides of the benchmark get.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aepose.metainfo import get_metainfo
from aepose.toy.film import ToyFrame, draw_film
from common import ROOT

FILMS = ROOT.parent / "shared" / "data" / "animals" / "films"
_FLY_SIGMA = 0.05
_LEAST_SEEN = 0.2  # share of keypoints that must show for a person to count as there


@dataclass
class Poses:
    """The people of one frame, true ones or found ones.

    keypoints (P, K, 2) pixels; found (P, K) bool: seen or found; scores (P,); identities (P,)
    """

    keypoints: np.ndarray
    found: np.ndarray
    scores: np.ndarray
    identities: np.ndarray


@dataclass
class Case:
    """One film: its truth and what was found in it, frame by frame."""

    kind: str
    name: str
    sigmas: np.ndarray
    individuals: int
    truth: list[Poses]
    detections: list[Poses] = field(default_factory=list)


def cases(seed: int = 0) -> Iterator[Case]:
    """Yield the films of the benchmark, those of flies only where they lie in ``../shared``."""
    sigmas = np.array(get_metainfo("coco").sigmas)
    for number in range(3):
        film = draw_film(500, 4, seed=10 + number)
        yield _toy("4 drawn people", f"4-{number}", sigmas, 4, film, seed)
    for number in range(2):
        film = draw_film(300, 15, seed=20 + number, size=(800, 360), height=0.4, occluders=2)
        yield _toy("15 drawn people", f"15-{number}", sigmas, 15, film, seed)
    for name in ("flies_clip", "flies_120s"):
        if (FILMS / f"{name}.slp").is_file():
            truth = read_slp(FILMS / f"{name}.slp")
            fly = np.full(truth[0].keypoints.shape[1], _FLY_SIGMA)
            yield _degraded(Case("2 flies", name, fly, 2, truth), seed)


def _toy(kind: str, name: str, sigmas: np.ndarray, individuals: int,
         film: Iterable[ToyFrame], seed: int) -> Case:
    truth = []
    for frame in film:
        seen = frame.visibility == 2
        there = seen.mean(axis=1) >= _LEAST_SEEN
        truth.append(Poses(frame.keypoints[there], seen[there], np.ones(there.sum()),
                           frame.identities[there]))
    return _degraded(Case(kind, name, sigmas, individuals, truth), seed)


def _degraded(case: Case, seed: int) -> Case:
    rng = np.random.default_rng([seed, len(case.truth), case.sigmas.size])
    case.detections = [degrade(rng, poses, case.sigmas) for poses in case.truth]
    return case


def read_slp(path: Path) -> list[Poses]:
    """Return the labelled poses of a SLEAP file, frame by frame."""
    import sleap_io

    labels = sleap_io.load_slp(str(path), open_videos=False)
    tracks = {track: number for number, track in enumerate(labels.tracks)}
    frames = []
    for labelled in sorted(labels.labeled_frames, key=lambda frame: frame.frame_idx):
        points = np.array([instance.numpy() for instance in labelled.instances])
        found = np.isfinite(points).all(axis=2)
        centres = np.nanmean(points, axis=1, keepdims=True)
        frames.append(Poses(np.where(found[..., None], points, centres), found,
                            np.ones(len(points)),
                            np.array([tracks[i.track] for i in labelled.instances])))
    return frames


def degrade(rng: np.random.Generator, true: Poses, sigmas: np.ndarray) -> Poses:
    """Return what a network might have found in a frame.

    - Each keypoint is off by a normal error of one sigma (of OKS, times the person's size).
    - A keypoint that shows is not found one time in 20, one that is hidden 8 times in 10; what is
      not found is filled in, four times as far off.
    - Where two people overlap, each keypoint of the one is taken for the other's one time in 20.
    - A person is missed 3 times in 100, and the more often the less of it shows.
    - Scores are 0.2 + 0.6 times the share that shows, give or take 0.1; one frame in 20, two of
      them change places.
    - One frame in 5 has a false pose: one of the people moved by up to a body's size, with a score
      of 0.1 to 0.5.
    - The order is random.
    """
    people, count = len(true.keypoints), sigmas.size
    sizes = _sizes(true)
    wide = rng.random((people, count))
    found = np.where(true.found, wide > 0.05, wide > 0.8)
    off = rng.normal(size=(people, count, 2)) * sigmas[:, None] * sizes[:, None, None]
    keypoints = true.keypoints + off * np.where(found, 1, 4)[..., None]
    _mix(rng, keypoints, sizes)
    shown = true.found.mean(axis=1)
    scores = np.clip(0.2 + 0.6 * shown + rng.normal(0, 0.1, people), 0.05, 1)
    if people > 1 and rng.random() < 0.05:
        a, b = rng.choice(people, 2, replace=False)
        scores[[a, b]] = scores[[b, a]]
    kept = np.flatnonzero((rng.random(people) > 0.03 + 0.3 * (1 - shown) ** 2)
                          & (found.sum(axis=1) > 2))
    parts = [keypoints[kept], found[kept], scores[kept]]
    if people and rng.random() < 0.2:
        who = rng.integers(people)
        moved = keypoints[who] + rng.uniform(-1, 1, 2) * sizes[who]
        for k, value in enumerate((moved, rng.random(count) < 0.7, rng.uniform(0.1, 0.5))):
            parts[k] = np.concatenate([parts[k], np.array(value)[None]])
    order = rng.permutation(len(parts[0]))
    return Poses(*(part[order] for part in parts), np.full(len(order), -1))


def _sizes(poses: Poses) -> np.ndarray:
    """(P,) square root of the area of the box around all keypoints, pixels."""
    if not len(poses.keypoints):
        return np.zeros(0)
    sides = poses.keypoints.max(axis=1) - poses.keypoints.min(axis=1)
    return np.sqrt(sides.prod(axis=1))


def _mix(rng: np.random.Generator, keypoints: np.ndarray, sizes: np.ndarray) -> None:
    """Exchange keypoints of people who stand in the same place."""
    centres = keypoints.mean(axis=1)
    for a in range(len(keypoints)):
        for b in range(a + 1, len(keypoints)):
            if np.linalg.norm(centres[a] - centres[b]) < 0.4 * min(sizes[a], sizes[b]):
                taken = rng.random(keypoints.shape[1]) < 0.05
                keypoints[a, taken], keypoints[b, taken] = (keypoints[b, taken],
                                                            keypoints[a, taken].copy())


def save(path: Path, frames: list[Poses]) -> None:
    """Write found people for the peer: one row per person, with its frame."""
    np.savez(path, frame=np.repeat(np.arange(len(frames)), [len(f.scores) for f in frames]),
             num_frames=len(frames), **{name: np.concatenate([getattr(f, name) for f in frames])
                                        for name in ("keypoints", "found", "scores")})
