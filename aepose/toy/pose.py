"""Bodies and poses of the toy people: proportions, joint angles and the solved 3-D skeleton.

The body frame has x to the person's left, y up and z forward. The view frame has x to the right of
the picture, y up and z towards the viewer, so a person with a yaw of 0 faces the viewer and has
the left hand on the right of the picture, as in reality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, radians, sin

import numpy as np

from aepose.metainfo import get_metainfo

KEYPOINTS = get_metainfo("coco").keypoint_names
FACE = tuple(name for name in KEYPOINTS if name.endswith(("nose", "eye", "ear")))

# Directions of the face points on the unit sphere of the head, in the frame of the head.
EYE = np.array([0.40, 0.20, 0.894])
NOSE = np.array([0.0, -0.12, 0.993])
EAR = np.array([0.99, 0.05, -0.03])


@dataclass(frozen=True)
class Body:
    """Lengths and radii as fractions of the height of the standing person.

    shoulder and hip are half widths; girth scales the radii of limbs and trunk.
    """

    head: float
    neck: float
    torso: float
    shoulder: float
    hip: float
    upper_arm: float
    forearm: float
    thigh: float
    shin: float
    foot: float
    girth: float


@dataclass(frozen=True)
class LimbAngles:
    """Angles of one arm or leg, radians.

    swing: forwards (positive) or backwards about the body's x axis
    spread: sideways, away from the body
    bend: of elbow or knee
    twist: turn of the bending plane about the upper part of the limb
    """

    swing: float
    spread: float
    bend: float
    twist: float = 0.0


@dataclass(frozen=True)
class Pose:
    """All joint angles of a person, radians; ``sides`` are the keys of arms and legs."""

    yaw: float
    tilt: float
    roll: float
    lean: float
    side_lean: float
    torso_twist: float
    head_yaw: float
    head_pitch: float
    head_roll: float
    arms: dict[str, LimbAngles]
    legs: dict[str, LimbAngles]
    seated: bool


@dataclass
class Skeleton:
    """A solved pose in the view frame, in body heights, centred on the pelvis.

    points: name -> (3,) float64; the 17 keypoints and ``neck``, ``head``, ``chest``, ``belly``,
        ``back``, ``<side>_hand``, ``<side>_heel``, ``<side>_toe``
    torso, head: (3, 3) rotations whose columns are the body axes in the view frame
    """

    torso: np.ndarray
    head: np.ndarray
    points: dict[str, np.ndarray] = field(default_factory=dict)


def rotate_x(angle: float) -> np.ndarray:
    """(3, 3) rotation about x, which turns y towards z."""
    c, s = cos(angle), sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rotate_y(angle: float) -> np.ndarray:
    """(3, 3) rotation about y, which turns z towards x."""
    c, s = cos(angle), sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rotate_z(angle: float) -> np.ndarray:
    """(3, 3) rotation about z, which turns x towards y."""
    c, s = cos(angle), sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def sample_body(rng: np.random.Generator) -> Body:
    """Draw the proportions of a person, from slim adults to stocky, large-headed children."""
    child = rng.random() < 0.2
    head = rng.uniform(0.112, 0.128) if child else rng.uniform(0.098, 0.115)
    leg = rng.uniform(0.205, 0.235) if child else rng.uniform(0.225, 0.255)
    arm = rng.uniform(0.92, 1.08)
    return Body(
        head=head, neck=rng.uniform(0.03, 0.045), torso=rng.uniform(0.265, 0.30),
        shoulder=rng.uniform(0.098, 0.122), hip=rng.uniform(0.062, 0.080),
        upper_arm=0.165 * arm, forearm=0.145 * arm, thigh=leg, shin=leg * rng.uniform(0.93, 1.02),
        foot=rng.uniform(0.075, 0.095), girth=rng.uniform(0.88, 1.22))


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """A uniform angle; the limits are degrees, the result is radians."""
    return radians(rng.uniform(low, high))


# swing, spread, bend, twist: (low, high) in degrees
_ARMS = {
    "hang": ((-12, 18), (6, 26), (5, 40), (-20, 50)),
    "swing": ((-45, 45), (5, 20), (20, 80), (-15, 30)),
    "side": ((-15, 25), (60, 105), (0, 60), (-90, 90)),
    "akimbo": ((-25, 0), (40, 58), (85, 110), (-100, -75)),
    "forward": ((50, 100), (-5, 25), (0, 60), (-30, 40)),
    "up": ((-10, 20), (135, 172), (0, 50), (-60, 60)),
    "wave": ((-10, 20), (75, 115), (60, 120), (60, 110)),
    "fold": ((15, 40), (5, 25), (85, 120), (-70, -40)),
    "chin": ((35, 65), (5, 25), (110, 140), (-40, 0)),
}
_ARM_ODDS = {"hang": 0.27, "swing": 0.16, "side": 0.12, "akimbo": 0.10, "forward": 0.08,
             "up": 0.10, "wave": 0.09, "fold": 0.05, "chin": 0.03}

# per leg kind: the limits of the one leg and of the other one
_LEGS = {
    "stand": (((-6, 8), (2, 11), (0, 8)), ((-6, 8), (2, 11), (0, 8))),
    "ease": (((-4, 6), (2, 8), (0, 5)), ((8, 22), (6, 16), (10, 35))),
    "walk": (((12, 32), (0, 8), (0, 20)), ((-28, -8), (0, 8), (5, 35))),
    "run": (((35, 65), (0, 10), (40, 85)), ((-35, -10), (0, 10), (25, 85))),
    "wide": (((-8, 8), (18, 38), (0, 15)), ((-8, 8), (18, 38), (0, 15))),
    "lunge": (((45, 75), (0, 14), (50, 85)), ((-30, -12), (2, 12), (0, 30))),
    "knee": (((-5, 6), (2, 9), (0, 8)), ((50, 95), (0, 20), (60, 120))),
    "sit": (((70, 95), (4, 24), (60, 100)), ((70, 95), (4, 24), (60, 100))),
    "squat": (((75, 105), (14, 34), (95, 130)), ((75, 105), (14, 34), (95, 130))),
}
_LEG_ODDS = {"stand": 0.27, "ease": 0.12, "walk": 0.20, "run": 0.08, "wide": 0.10, "lunge": 0.05,
             "knee": 0.05, "sit": 0.10, "squat": 0.03}


def _pick(rng: np.random.Generator, odds: dict[str, float]) -> str:
    return str(rng.choice(list(odds), p=list(odds.values())))


def _sample_arms(rng: np.random.Generator) -> dict[str, LimbAngles]:
    left = _pick(rng, _ARM_ODDS)
    right = left if rng.random() < 0.5 else _pick(rng, _ARM_ODDS)
    arms = {}
    for side, kind in (("left", left), ("right", right)):
        arms[side] = LimbAngles(*(_between(rng, *limits) for limits in _ARMS[kind]))
    return arms


def _sample_legs(rng: np.random.Generator, kind: str) -> dict[str, LimbAngles]:
    sides = ("left", "right") if rng.random() < 0.5 else ("right", "left")
    return {side: LimbAngles(*(_between(rng, *limits) for limits in leg))
            for side, leg in zip(sides, _LEGS[kind], strict=True)}


def _sample_yaw(rng: np.random.Generator) -> float:
    """Most people face the viewer more or less; some turn the side, some the back."""
    kind = rng.random()
    if kind < 0.66:
        return radians(rng.normal(0.0, 28.0))
    if kind < 0.86:
        return radians(rng.choice([-1, 1]) * rng.uniform(50, 105))
    return radians(180.0 + rng.normal(0.0, 30.0))


def _sample_roll(rng: np.random.Generator, legs: str) -> float:
    """Upright, leaning, or (not when seated) lying and upside down now and then."""
    kind = rng.random()
    if kind < 0.92 or legs in ("sit", "squat"):
        return radians(rng.normal(0.0, 5.0))
    if kind < 0.97:
        return radians(rng.normal(0.0, 25.0))
    return radians(rng.choice([-1, 1]) * rng.normal(85.0, 15.0))


def sample_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose: legs, each arm, trunk, head and the direction of view are independent."""
    legs = _pick(rng, _LEG_ODDS)
    bowed = rng.random() < 0.08
    return Pose(
        yaw=_sample_yaw(rng), tilt=_between(rng, -4, 16), roll=_sample_roll(rng, legs),
        lean=_between(rng, 25, 70) if bowed else _between(rng, -6, 12),
        side_lean=radians(rng.normal(0.0, 6.0)), torso_twist=radians(rng.normal(0.0, 10.0)),
        head_yaw=radians(rng.normal(0.0, 18.0)), head_pitch=_between(rng, -14, 18),
        head_roll=radians(rng.normal(0.0, 7.0)), arms=_sample_arms(rng),
        legs=_sample_legs(rng, legs), seated=legs == "sit")


_DOWN = np.array([0.0, -1.0, 0.0])


def solve(body: Body, pose: Pose) -> Skeleton:
    """Place every joint of a body in a pose; the result is in the view frame."""
    view = rotate_z(pose.roll) @ rotate_x(pose.tilt) @ rotate_y(pose.yaw)
    pelvis = view @ rotate_x(0.25 * pose.lean)
    torso = (view @ rotate_x(pose.lean) @ rotate_z(pose.side_lean) @ rotate_y(pose.torso_twist))
    head = (torso @ rotate_y(pose.head_yaw) @ rotate_x(pose.head_pitch - 0.5 * pose.lean)
            @ rotate_z(pose.head_roll))
    skeleton = Skeleton(torso=torso, head=head)
    points = skeleton.points
    points["neck"] = torso @ np.array([0.0, body.torso, 0.0])
    lift = torso @ np.array([0.0, body.neck, 0.01])
    points["head"] = points["neck"] + lift + head @ np.array([0.0, 0.85 * body.head, 0.0])
    points["chest"] = torso @ np.array([0.0, 0.72 * body.torso, 0.028 * body.girth])
    points["belly"] = torso @ np.array([0.0, 0.25 * body.torso, 0.022 * body.girth])
    points["back"] = torso @ np.array([0.0, 0.65 * body.torso, -0.022 * body.girth])
    _place_face(points, body, head)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        _place_arm(points, body, torso, pose.arms[side], side, sign)
        _place_leg(points, body, pelvis, pose.legs[side], side, sign)
    return skeleton


def _place_face(points: dict[str, np.ndarray], body: Body, head: np.ndarray) -> None:
    points["nose"] = points["head"] + head @ (NOSE * 1.05 * body.head)
    for side, mirror in (("left", (1, 1, 1)), ("right", (-1, 1, 1))):
        points[f"{side}_eye"] = points["head"] + head @ (EYE * mirror * body.head)
        points[f"{side}_ear"] = points["head"] + head @ (EAR * mirror * 1.07 * body.head)


def _place_arm(points: dict[str, np.ndarray], body: Body, torso: np.ndarray, arm: LimbAngles,
               side: str, sign: float) -> None:
    shoulder = torso @ np.array([sign * body.shoulder, 0.93 * body.torso, 0.0])
    upper = torso @ rotate_x(-arm.swing) @ rotate_z(sign * arm.spread)
    lower = upper @ rotate_y(sign * arm.twist) @ rotate_x(-arm.bend)
    elbow = shoulder + upper @ _DOWN * body.upper_arm
    wrist = elbow + lower @ _DOWN * body.forearm
    points[f"{side}_shoulder"], points[f"{side}_elbow"] = shoulder, elbow
    points[f"{side}_wrist"] = wrist
    points[f"{side}_hand"] = wrist + lower @ _DOWN * 0.038


def _place_leg(points: dict[str, np.ndarray], body: Body, pelvis: np.ndarray, leg: LimbAngles,
               side: str, sign: float) -> None:
    hip = pelvis @ np.array([sign * body.hip, 0.0, 0.0])
    upper = pelvis @ rotate_x(-leg.swing) @ rotate_z(sign * leg.spread)
    lower = upper @ rotate_x(leg.bend)
    knee = hip + upper @ _DOWN * body.thigh
    ankle = knee + lower @ _DOWN * body.shin
    points[f"{side}_hip"], points[f"{side}_knee"] = hip, knee
    points[f"{side}_ankle"] = ankle
    # Feet point forwards and a little outwards, square to the shin.
    points[f"{side}_heel"] = ankle + lower @ np.array([0.0, -0.026, -0.008])
    points[f"{side}_toe"] = ankle + lower @ np.array([sign * 0.25, -0.36, 0.9]) * body.foot
