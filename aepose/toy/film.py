"""Toy films: drawn people who walk, stand, cross, hide each other, leave and come back.

Who is who is known in every frame, which is what tracking is measured against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, exp, pi, radians, sin

import numpy as np

from aepose.toy.background import draw_background, draw_occluder, finish
from aepose.toy.canvas import SCALE, Canvas
from aepose.toy.figure import Figure, draw_figure, place
from aepose.toy.look import sample_look
from aepose.toy.pose import KEYPOINTS, LimbAngles, Pose, sample_body
from aepose.toy.visibility import to_image, visible_keypoints

FRAMES_PER_SECOND = 25
_STRIDE = 0.75  # body heights of way in one cycle of the legs
_SWING = radians(28)
_HASTE = 0.12  # share by which speed and direction near what is wanted, per frame
_OUTSIDE = 0.35  # film widths beyond the border to which people walk who leave


@dataclass(frozen=True)
class ToyFrame:
    """One frame of a toy film and the people in it.

    image: (H, W, 3) uint8, RGB
    keypoints: (P, 17, 2) float64, pixels of ``image``; also those outside it
    visibility: (P, 17) uint8: 0 outside the picture, 1 hidden, 2 visible
    identities: (P,) int64, from 0; people without a keypoint in the picture are not listed
    """

    image: np.ndarray
    number: int
    keypoints: np.ndarray
    visibility: np.ndarray
    identities: np.ndarray


def draw_film(num_frames: int, num_people: int, seed: int = 0, size: tuple[int, int] = (416, 288),
              height: float = 0.62, occluders: int = 1) -> Iterator[ToyFrame]:
    """Yield the frames of a toy film, at 25 per second.

    num_people: who take part; some are outside at times
    seed: the same arguments give the same frames (with the same OpenCV and numpy)
    size: (W, H), even numbers
    height: share of the picture's height that the nearest people fill; the farthest fill 0.7 of it
    occluders: things that stand in front of everybody
    """
    rng = np.random.default_rng([seed, 0])
    background = draw_background(rng, size[1], size[0])
    angle = radians(rng.uniform(40, 140))
    walkers = [_Walker(np.random.default_rng([seed, 1, person]), (cos(angle), sin(angle)))
               for person in range(num_people)]
    for number in range(num_frames):
        canvas = Canvas(background)
        figures = []
        for person, walker in enumerate(walkers):
            walker.step(size[0] / size[1] / height)
            figures.append(walker.figure(person + 1, size, height))
        for figure in sorted(figures, key=lambda figure: walkers[figure.number - 1].depth):
            draw_figure(canvas, figure)
        still = np.random.default_rng([seed, 2])  # the same things and light in every frame
        for _ in range(occluders):
            draw_occluder(still, canvas)
        picture = finish(still, canvas.picture())[..., ::-1]
        yield ToyFrame(np.ascontiguousarray(picture), number, *_truth(canvas, figures))


def _truth(canvas: Canvas, figures: list[Figure]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoints (P, 17, 2), visibility (P, 17) and identities (P,) of those in the picture."""
    rows, columns = canvas.owner.shape
    keypoints = to_image(np.array([[f.xy[name] for name in KEYPOINTS] for f in figures]
                                  ).reshape(-1, len(KEYPOINTS), 2))
    inside = ((keypoints >= 0)
              & (keypoints <= (columns / SCALE - 1, rows / SCALE - 1))).all(axis=2)
    visible = np.array([visible_keypoints(canvas, f) for f in figures]).reshape(inside.shape)
    visibility = np.where(inside, np.where(visible, 2, 1), 0).astype(np.uint8)
    there = inside.any(axis=1)
    return keypoints[there], visibility[there], np.flatnonzero(there)


class _Walker:
    """A person who walks from place to place, stands for a while, and walks on.

    x: in film widths; depth: 0 far to 1 near
    """

    def __init__(self, rng: np.random.Generator, light: tuple[float, float]) -> None:
        self._rng = rng
        self._body, self._look = sample_body(rng), sample_look(rng, light)
        self.x, self.depth = rng.uniform(0, 1), rng.uniform(0, 1)
        self._pace = rng.uniform(0.5, 1.3)  # body heights a second
        self._phase, self._yaw = rng.uniform(0, 2 * pi), rng.uniform(-pi / 2, pi / 2)
        self._speed = self._pause = 0.0
        self._arms = rng.uniform(0.5, 1.1)
        self._goal = self.x, self.depth
        self._choose()

    def _choose(self) -> None:
        """Choose where to go next: one time in four, out of the picture."""
        rng = self._rng
        x = rng.uniform(0.02, 0.98)
        if rng.random() < 0.25:
            x = rng.choice([-_OUTSIDE, 1 + _OUTSIDE])
        self._goal = float(x), float(np.clip(self.depth + rng.normal(0, 0.3), 0, 1))
        self._pause = float(rng.choice([0, rng.uniform(0.2, 2.0)])) * FRAMES_PER_SECOND

    def step(self, width: float) -> None:
        """Go on by one frame; width: of the film, in heights of the nearest person."""
        way = self._goal[0] - self.x
        near = abs(way) * width < 0.1
        if near and self._pause > 0:
            self._pause -= 1
        elif near:
            self._choose()
        wanted = 0.0 if near else self._pace / FRAMES_PER_SECOND * np.sign(way)
        self._speed += _HASTE * (wanted - self._speed)
        self.x += self._speed / width
        left = max(abs(way) * width, 0.05)
        self.depth += (self._goal[1] - self.depth) * min(1.0, abs(self._speed) / left)
        self._phase += 2 * pi * abs(self._speed) / _STRIDE
        # Who walks is seen from the side; who stands turns to the viewer.
        turn = 0.3 if near else radians(75) * np.sign(way)
        self._yaw += _HASTE * (turn - self._yaw)

    def figure(self, number: int, size: tuple[int, int], height: float) -> Figure:
        """The person as it stands on a canvas for a film of ``size`` (W, H)."""
        columns, rows = size[0] * SCALE, size[1] * SCALE
        tall = height * rows * (0.7 + 0.3 * self.depth)
        foot = rows * (1 - (1 - height) * (0.35 - 0.28 * self.depth))
        legs = (self._body.thigh + self._body.shin + 0.03) * tall
        origin = np.array([self.x * columns, foot - legs])
        return place(number, self._body, self._pose(), self._look, origin, tall)

    def _pose(self) -> Pose:
        going = 1 - exp(-60 * abs(self._speed))  # 0 standing, 1 walking
        limbs = {}
        for side, phase in (("left", self._phase), ("right", self._phase + pi)):
            lift = radians(6) + radians(42) * going * max(0.0, cos(phase)) ** 2
            limbs[side] = (
                LimbAngles(-_SWING * self._arms * going * sin(phase), radians(9),
                           radians(12) + radians(18) * going),
                LimbAngles(_SWING * going * sin(phase), radians(3), lift))
        return Pose(
            yaw=self._yaw, tilt=radians(4), roll=0.0, lean=radians(5) * going, side_lean=0.0,
            torso_twist=radians(6) * going * sin(self._phase), head_yaw=0.0, head_pitch=0.0,
            head_roll=0.0, arms={side: arm for side, (arm, _) in limbs.items()},
            legs={side: leg for side, (_, leg) in limbs.items()}, seated=False)
