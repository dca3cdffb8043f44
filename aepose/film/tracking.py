"""Identities across the frames of a film: who is who from one frame to the next.

Poses of a frame are assigned to the people seen before by the OKS between each pose and where the
person is expected (Hungarian method): poses of high scores first, those of low ones to who is left,
as ByteTrack does (Zhang et al., ECCV 2022). Coordinates are pixels of the film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aepose.codecs.assignment import assign
from aepose.evaluation.oks import keypoint_similarity

NOBODY = -1
"""The identity of a pose that has none."""

_SPREAD = 1.5  # of a keypoint about where it is expected, in the spread that OKS gives annotators
_DRIFT = 0.15  # by which it grows per frame in which a person was missed
_TURN = 0.2  # share of a new velocity that a person takes on per frame
_TRUST = 0.4  # similarity from which a pose counts in full for that
_PULL = 0.7  # share of the way to a found keypoint that the expected one goes
_GROW = 0.2  # share of a pose's size that a person takes on
_DOUBLE = 0.5  # similarity from which a pose doubles another of the frame
# Who fits nobody may have leapt so many body sizes, if everybody else was so much farther away.
_LEAP, _ALONE = 1.2, 1.5
_AWAY = 2  # frames missed after which a newcomer may be who is missed, of a known number
_FORBIDDEN = 2.0  # a cost above that of any pair


@dataclass(frozen=True)
class TrackedFrame:
    """Who is who in one frame.

    identities: (P,) int64, from 0 in order of appearance; -1 for a pose without one: a weak one
        that fits nobody, one that doubles another, and a newcomer in its first frame
    margins: (P,) float64: by how much the similarities of the frame would sum to less if this pose
        had any other identity, or none; 1 for a pose that was compared with nobody
    doubtful: whether a margin is below the tracker's ``doubt``
    """

    identities: np.ndarray
    margins: np.ndarray
    doubtful: bool


@dataclass
class _Track:
    """One person: where it is expected, pixels.

    identity: None until it is seen a second time
    keypoints: (K, 2), of which those of ``known``, (K,) bool, were seen at some time
    velocity: (2,) per frame, of the body
    area: square pixels, of the box of found keypoints
    gap: frames since it was last seen
    """

    identity: int | None
    keypoints: np.ndarray
    known: np.ndarray
    area: float
    velocity: np.ndarray
    gap: int = 0

    def advance(self) -> None:
        """Move on by one frame."""
        self.keypoints = self.keypoints + self.velocity
        self.gap += 1

    def see(self, pose: _Pose, similar: float) -> None:
        """Take on a pose; what was not found moves along with the body."""
        both = pose.found & self.known
        body = np.zeros(2)
        if both.any():
            body = middle((pose.keypoints - self.keypoints)[both])
            share = _TURN * min(similar / _TRUST, 1.0)
            self.velocity = self.velocity + share * body / self.gap
        self.keypoints = self.keypoints + body
        # A keypoint seen for the first time has nowhere to come from.
        pull = np.where(self.known, _PULL, 1.0)[:, None] * pose.found[:, None]
        self.keypoints = self.keypoints + pull * (pose.keypoints - self.keypoints)
        self.known = self.known | pose.found
        # Of half a person the box is too small.
        if 2 * pose.found.sum() > len(pose.found):
            self.area += _GROW * (pose.area - self.area)
        self.gap = 0


@dataclass(frozen=True)
class _Pose:
    """One pose of a frame: keypoints (K, 2), found (K,), area of the box of the found ones."""

    keypoints: np.ndarray
    found: np.ndarray
    area: float


class Identities:
    """Numbers from 0 for people, in order of appearance; trackers of several classes share them.

    most: there are no more; None: there is no end
    """

    def __init__(self, most: int | None = None) -> None:
        self.most, self._given = most, 0

    def new(self) -> int | None:
        """Return the next number, None if all are given."""
        if self._given == self.most:
            return None
        self._given += 1
        return self._given - 1


class Tracker:
    """Gives the people of a film identities, frame by frame.

    sigmas: (K,) of the metainfo
    individuals: a number known and fixed, as of mice in a box: there are never more identities, and
        who reappears, however late, gets back one that is free
    max_gap: frames for which a person may be missed and is still known, without ``individuals``
    high_score: from which score a pose is assigned first and may be a newcomer
    least_similarity: that of a pose and of where its person is expected, 0 to 1
    doubt: below which margin a frame is doubtful
    identities: where numbers come from, that several trackers share, and ``individuals`` with them

    What is remembered is one pose per person, so memory does not grow with the film. Equal input
    gives equal identities. Raises ValueError for values that make no sense.
    """

    def __init__(self, sigmas: Sequence[float], individuals: int | None = None, max_gap: int = 60,
                 high_score: float = 0.2, least_similarity: float = 0.1,
                 doubt: float = 0.1, identities: Identities | None = None) -> None:
        if individuals is not None and individuals < 1:
            raise ValueError(f"individuals = {individuals} must be 1 or more, or None")
        if max_gap < 1:
            raise ValueError(f"max_gap = {max_gap} must be 1 or more")
        self._sigmas = _SPREAD * np.asarray(sigmas, np.float64)
        self._identities, self._max_gap = identities or Identities(individuals), max_gap
        self._high_score, self._least, self._doubt = high_score, least_similarity, doubt
        self._tracks: list[_Track] = []
        self._begun = False  # whether it has given an identity

    def update(self, keypoints: np.ndarray, found: np.ndarray, scores: np.ndarray) -> TrackedFrame:
        """Return who is who in the next frame.

        keypoints: (P, K, 2); found: (P, K) bool, False where a keypoint was filled in, which then
        pulls nobody; scores: (P,)
        """
        people, count = len(scores), len(self._sigmas)
        if keypoints.shape != (people, count, 2) or found.shape != (people, count):
            raise ValueError(f"expected keypoints ({people}, {count}, 2) and found ({people}, "
                             f"{count}), got {keypoints.shape} and {found.shape}")
        poses = [_Pose(k, f, _area(k[f])) for k, f in zip(keypoints, found, strict=True)]
        for track in self._tracks:
            track.advance()
        similar = self._similarities(keypoints, found)
        # A pose without a keypoint that was found says nothing about anybody.
        high, usable = scores >= self._high_score, found.any(axis=1)
        confirmed = np.array([track.identity is not None for track in self._tracks], bool)
        matches = _Matches(people, len(self._tracks))
        matches.add(similar, high & usable, confirmed, self._least)
        matches.add(similar, ~high & usable, confirmed, self._least)
        leaps = self._leaps(poses, *matches.free(high & usable, confirmed))
        matches.add(leaps, high & usable, confirmed, 0.0)
        matches.add(similar, high & usable, ~confirmed, self._least)
        who = {p: self._tracks[t] for p, t in matches.pairs.items()}
        for p, t in matches.pairs.items():
            self._tracks[t].see(poses[p], similar[p, t])
        self._confirm(who)
        self._welcome([p for p in np.flatnonzero(high & usable) if p not in who], poses, who)
        self._tracks = [track for track in self._tracks if self._stays(track)]
        identities = np.full(people, NOBODY, np.int64)
        for p, track in who.items():
            identities[p] = NOBODY if track.identity is None else track.identity
        return TrackedFrame(identities, matches.margins,
                            bool((matches.margins < self._doubt).any()))

    def _similarities(self, keypoints: np.ndarray, found: np.ndarray) -> np.ndarray:
        """(P, T) similarity of each pose and each person: mean over keypoints both have."""
        if not self._tracks or not len(keypoints):
            return np.zeros((len(keypoints), len(self._tracks)))
        expected = np.stack([track.keypoints for track in self._tracks])
        known = np.stack([track.known for track in self._tracks])
        areas = np.array([track.area for track in self._tracks])
        grown = 1 + _DRIFT * np.array([track.gap - 1 for track in self._tracks])
        near = keypoint_similarity(keypoints, expected, areas * grown**2, self._sigmas)
        both = found[:, None] & known[None]
        # One more in the mean, so that few keypoints cannot say much; and the wider the spread,
        # the less it says that somebody is within.
        return (near * both).sum(axis=2) / (both.sum(axis=2) + 1) / np.sqrt(grown)

    def _leaps(self, poses: list[_Pose], rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(P, T) similarity by distance alone, 0 where it is too far, or others are about.

        rows, columns: the poses and tracks that count
        """
        similar = np.zeros((len(poses), len(self._tracks)))
        if not len(rows) or not len(columns):
            return similar
        centres = np.array([_place(poses[p].keypoints, poses[p].found) for p in rows])
        places = np.array([_place(track.keypoints, track.known) for track in self._tracks])
        away = np.linalg.norm(centres[:, None] - places[None], axis=2)
        sizes = np.sqrt([track.area for track in self._tracks])
        grown = 1 + _DRIFT * np.array([track.gap - 1 for track in self._tracks])
        nearest = np.sort(np.pad(away, ((0, 0), (0, 1)), constant_values=np.inf), axis=1)
        others = np.where(away == nearest[:, :1], nearest[:, 1:2], nearest[:, :1])
        leapt = (away < _LEAP * grown * sizes) & (others > _ALONE * away)
        chosen = np.ix_(rows, columns)
        similar[chosen] = np.where(leapt, 1 / (1 + away / sizes), 0)[:, columns]
        return similar

    def _confirm(self, who: dict[int, _Track]) -> None:
        """Give an identity to newcomers that were seen a second time: if all are given, a free one.
        """
        for p in sorted(who):
            if who[p].identity is None:
                who[p].identity = self._new_identity()
                if who[p].identity is None:
                    self._take_over(who[p])

    def _take_over(self, newcomer: _Track) -> None:
        """Give a newcomer the identity of who is missed, and was last seen nearest."""
        missed = [track for track in self._tracks
                  if track.identity is not None and track.gap > _AWAY]
        if missed:
            place = _place(newcomer.keypoints, newcomer.known)
            away = [np.linalg.norm(_place(t.keypoints, t.known) - place) for t in missed]
            gone = missed[int(np.argmin(away))]
            newcomer.identity = gone.identity
            self._tracks = [track for track in self._tracks if track is not gone]

    def _welcome(self, free: list[int], poses: list[_Pose], who: dict[int, _Track]) -> None:
        """Begin to follow poses that fit nobody; those of the first frame are believed at once."""
        first = not self._begun
        for p in free:
            if not any(self._double(poses[p], poses[q]) for q in who):
                pose = poses[p]
                who[p] = _Track(self._new_identity() if first else None,
                                np.array(pose.keypoints, np.float64), pose.found.copy(), pose.area,
                                np.zeros(2))
                self._tracks.append(who[p])

    def _new_identity(self) -> int | None:
        identity = self._identities.new()
        self._begun |= identity is not None
        return identity

    def _double(self, first: _Pose, second: _Pose) -> bool:
        """Whether two poses of a frame are one person."""
        both = first.found & second.found
        near = keypoint_similarity(first.keypoints[None], second.keypoints[None],
                                   np.array([second.area]), self._sigmas)[0, 0]
        return bool(both.any() and near[both].mean() > _DOUBLE)

    def _stays(self, track: _Track) -> bool:
        if track.identity is None:
            return track.gap == 0
        return self._identities.most is not None or track.gap <= self._max_gap


class _Matches:
    """Who was matched so far in a frame.

    pairs: pose -> track; margins: (P,) of the pairs
    """

    def __init__(self, people: int, tracks: int) -> None:
        self.pairs: dict[int, int] = {}
        self.margins = np.ones(people)
        self._free_poses, self._free_tracks = np.ones(people, bool), np.ones(tracks, bool)

    def free(self, poses: np.ndarray, tracks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices of those among some poses (P,) bool and tracks (T,) bool that are unmatched."""
        return (np.flatnonzero(poses & self._free_poses),
                np.flatnonzero(tracks & self._free_tracks))

    def add(self, similar: np.ndarray, poses: np.ndarray, tracks: np.ndarray,
            least: float) -> None:
        """Match some poses (P,) bool with some tracks (T,) bool by their similarity (P, T)."""
        rows, columns = self.free(poses, tracks)
        for i, j, margin in match(similar[np.ix_(rows, columns)], least):
            p, t = int(rows[i]), int(columns[j])
            self.pairs[p], self.margins[p] = t, margin
            self._free_poses[p] = self._free_tracks[t] = False


def match(similar: np.ndarray, least: float) -> list[tuple[int, int, float]]:
    """Return pairs (row, column, margin) of the greatest sum; rows and columns may stay alone.

    similar: (R, C) in [0, 1]; a pair counts by how far it is above ``least``, and only if it is

    The margin of a pair is by how much the sum would be less without it.
    """
    allowed = similar > least
    if not allowed.any():
        return []
    rows, columns = similar.shape
    # Column C + r means that a row stays alone.
    cost = np.zeros((rows, columns + rows))
    cost[:, :columns] = np.where(allowed, least - similar, _FORBIDDEN)
    pairs = [(i, j) for i, j in assign(cost) if j < columns]
    best = sum(cost[pair] for pair in pairs)
    found = []
    for i, j in pairs:
        margin = -cost[i, j]
        if allowed[i].sum() + allowed[:, j].sum() > 2:
            other = cost.copy()
            other[i, j] = _FORBIDDEN
            margin = sum(other[pair] for pair in assign(other)) - best
        found.append((i, j, float(margin)))
    return found


def _area(points: np.ndarray) -> float:
    """Square pixels of the box of (N, 2) points, at least 1."""
    return max(float(np.ptp(points, axis=0).prod()), 1.0) if len(points) else 1.0


def middle(points: np.ndarray) -> np.ndarray:
    """(2,) median of (N, 2) points, N at least 1: for so few, NumPy's takes ten times as long."""
    ordered = np.sort(points, axis=0)
    return (ordered[(len(points) - 1) // 2] + ordered[len(points) // 2]) / 2


def _place(keypoints: np.ndarray, among: np.ndarray) -> np.ndarray:
    """(2,) where a body is: the median of some keypoints, of all if there are none."""
    return middle(keypoints[among] if among.any() else keypoints)
