"""Draw a toy person, part by part from far to near."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np

from aepose.toy.canvas import OWNER_STEP, Canvas, Colour, band, capsule, hull, shade
from aepose.toy.head import draw_head
from aepose.toy.look import PADS, Look
from aepose.toy.pose import EAR, NOSE, Body, Pose, Skeleton, solve


class Part(IntEnum):
    """Parts of a person; the paired ones are the left one, and the right one is the next."""

    TORSO, PELVIS, NECK, HEAD, HAIR = 1, 2, 3, 4, 5
    EAR, UPPER_ARM, FOREARM, HAND = 6, 8, 10, 12
    THIGH, SHIN, FOOT = 14, 16, 18


@dataclass
class Figure:
    """A person placed on a canvas.

    xy: name -> (2,) float64 pixels of the canvas, for all points of the skeleton
    size: height of the standing person in pixels of the canvas
    """

    number: int
    body: Body
    pose: Pose
    look: Look
    skeleton: Skeleton
    xy: dict[str, np.ndarray]
    size: float

    def owner(self, part: int) -> int:
        """The value of this person's part in ``Canvas.owner``."""
        return self.number * OWNER_STEP + part

    def depth(self, *names: str) -> float:
        """Mean nearness of points, in body heights; greater is nearer to the viewer."""
        return sum(self.skeleton.points[n][2] for n in names) / len(names)


def extent(body: Body, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Corners (2,), (2,) of the box around a body, in body heights, x right and y down."""
    points = np.array(list(skeleton.points.values()))[:, :2] * (1, -1)
    head = skeleton.points["head"][:2] * (1, -1)
    margin = 0.03
    low = np.minimum(points.min(0) - margin, head - body.head)
    high = np.maximum(points.max(0) + margin, head + body.head)
    return low, high


def place(number: int, body: Body, pose: Pose, look: Look, origin: np.ndarray, size: float,
          skeleton: Skeleton | None = None) -> Figure:
    """Put a person's pelvis at ``origin`` (2,) pixels of the canvas, ``size`` pixels tall."""
    skeleton = solve(body, pose) if skeleton is None else skeleton
    xy = {name: origin + size * p[:2] * (1, -1) for name, p in skeleton.points.items()}
    return Figure(number, body, pose, look, skeleton, xy, size)


def draw_figure(canvas: Canvas, figure: Figure) -> None:
    """Draw all parts of a person, the far ones first."""
    steps = [*_trunk(canvas, figure), *_head(canvas, figure)]
    for side, right in (("left", 0), ("right", 1)):
        steps += _arm(canvas, figure, side, right)
        steps += _leg(canvas, figure, side, right)
    for _, draw in sorted(steps, key=lambda step: step[0]):
        draw()


Step = tuple[float, Callable[[], None]]


def _limb(canvas: Canvas, figure: Figure, ends: tuple[str, str], radii: tuple[float, float],
          colour: Colour, part: int) -> None:
    canvas.limb((figure.xy[ends[0]], figure.xy[ends[1]]),
                (radii[0] * figure.size, radii[1] * figure.size), colour, figure.owner(part),
                0.006 * figure.size + 0.6, np.array(figure.look.light) * (1, -1))


def _cover(canvas: Canvas, figure: Figure, ends: tuple[str, str], radii: tuple[float, float],
           colour: Colour, share: float) -> None:
    """Clothing over the first part of a limb, with a seam where it ends."""
    if share <= 0.0:
        return
    a, b = figure.xy[ends[0]], figure.xy[ends[1]]
    ra, rb = radii[0] * figure.size, radii[1] * figure.size
    edge = 0.006 * figure.size + 0.6
    stop = min(share, 1.0)
    end, r_end = a + (b - a) * stop, ra + (rb - ra) * stop
    canvas.fill(capsule(a, end, ra + edge, r_end * 0.5), shade(colour, 0.8))
    canvas.fill(band(a, b, ra + edge, rb + edge, 0.0, stop), shade(colour, 0.5))
    canvas.fill(band(a, b, ra, rb, 0.0, stop), colour)
    canvas.fill(band(a, b, 0.45 * ra, 0.45 * rb, 0.0, stop), shade(colour, 1.22))
    if share < 1.0:
        canvas.fill(band(a, b, ra, rb, stop - 0.08, stop), shade(colour, 0.6))


def _stripe(canvas: Canvas, figure: Figure, ends: tuple[str, str], radii: tuple[float, float],
            colour: Colour, low: float, high: float) -> None:
    canvas.fill(band(figure.xy[ends[0]], figure.xy[ends[1]], radii[0] * figure.size,
                     radii[1] * figure.size, low, high), colour)


def _pad(canvas: Canvas, figure: Figure, side: str, kind: str, radius: float,
         limbs: tuple[Step, ...]) -> Step:
    """A disc on a joint, over its ``limbs``: bright from the front, with a white spot outwards.

    Spot and brightness together tell left from right, and go on doing so in a mirrored picture.
    """
    size = radius * figure.size

    def draw() -> None:
        centre = figure.xy[f"{side}_{kind}"]
        outwards = figure.xy["left_shoulder"] - figure.xy["right_shoulder"]
        outwards = outwards / max(float(np.hypot(*outwards)), 1e-6) * (1 if side == "left" else -1)
        behind = int(figure.skeleton.torso[2, 2] < 0)
        canvas.fill(hull(centre[None], np.array([size + 0.006 * figure.size])), (20.0, 20.0, 20.0))
        canvas.fill(hull(centre[None], np.array([size])), PADS[kind][behind])
        canvas.fill(hull((centre + 0.45 * size * outwards)[None], np.array([0.5 * size])),
                    (250.0, 250.0, 250.0))

    return max(depth for depth, _ in limbs) + 0.001, draw


def _arm(canvas: Canvas, figure: Figure, side: str, right: int) -> list[Step]:
    look, girth = figure.look, figure.body.girth
    upper, lower = (f"{side}_shoulder", f"{side}_elbow"), (f"{side}_elbow", f"{side}_wrist")
    r_shoulder, r_elbow, r_wrist = 0.042 * girth, 0.036 * girth, 0.029 * girth

    def draw_upper() -> None:
        whole = look.sleeve >= 1.0
        _limb(canvas, figure, upper, (r_shoulder, r_elbow), look.shirt if whole else look.skin,
              Part.UPPER_ARM + right)
        if not whole:
            _cover(canvas, figure, upper, (r_shoulder, r_elbow), look.shirt, look.sleeve)
        if look.pattern == "stripes" and look.sleeve > 0:
            for at in np.arange(0.12, min(look.sleeve, 1.0) - 0.1, 0.26):
                _stripe(canvas, figure, upper, (r_shoulder, r_elbow), look.shirt_second,
                        at, at + 0.12)

    def draw_lower() -> None:
        whole = look.sleeve >= 2.0
        _limb(canvas, figure, lower, (r_elbow, r_wrist), look.shirt if whole else look.skin,
              Part.FOREARM + right)
        if not whole:
            _cover(canvas, figure, lower, (r_elbow, r_wrist), look.shirt, look.sleeve - 1.0)
        else:
            _stripe(canvas, figure, lower, (r_elbow, r_wrist), shade(look.shirt, 0.6), 0.86, 1.0)

    def draw_hand() -> None:
        _limb(canvas, figure, (f"{side}_wrist", f"{side}_hand"), (0.026 * girth, 0.034 * girth),
              look.skin, Part.HAND + right)

    elbow = figure.depth(*lower)
    limbs: list[Step] = [(figure.depth(*upper) + 0.012, draw_upper), (elbow + 0.016, draw_lower),
                         (elbow + 0.015, draw_hand)]
    if look.pads:
        limbs += [_pad(canvas, figure, side, "elbow", 1.15 * r_elbow, tuple(limbs[:2])),
                  _pad(canvas, figure, side, "wrist", 1.4 * r_wrist, tuple(limbs[1:]))]
    return limbs


def _leg(canvas: Canvas, figure: Figure, side: str, right: int) -> list[Step]:
    look, girth = figure.look, figure.body.girth
    upper, lower = (f"{side}_hip", f"{side}_knee"), (f"{side}_knee", f"{side}_ankle")
    r_hip, r_knee, r_ankle = 0.056 * girth, 0.045 * girth, 0.034 * girth

    def draw_upper() -> None:
        whole = look.trouser >= 1.0
        _limb(canvas, figure, upper, (r_hip, r_knee), look.trousers if whole else look.skin,
              Part.THIGH + right)
        if not whole:
            _cover(canvas, figure, upper, (r_hip, r_knee), look.trousers, look.trouser)

    def draw_lower() -> None:
        whole = look.trouser >= 2.0
        _limb(canvas, figure, lower, (r_knee, r_ankle), look.trousers if whole else look.skin,
              Part.SHIN + right)
        if not whole:
            _cover(canvas, figure, lower, (r_knee, r_ankle), look.trousers, look.trouser - 1.0)

    def draw_foot() -> None:
        _limb(canvas, figure, (f"{side}_heel", f"{side}_toe"), (0.034 * girth, 0.028 * girth),
              look.shoes, Part.FOOT + right)

    shin = figure.depth(*lower)
    limbs: list[Step] = [(figure.depth(*upper) - 0.01, draw_upper), (shin - 0.012, draw_lower),
                         (max(shin, figure.depth(f"{side}_toe")) - 0.013, draw_foot)]
    if look.pads:
        limbs += [_pad(canvas, figure, side, "knee", 0.9 * r_knee, tuple(limbs[:2])),
                  _pad(canvas, figure, side, "ankle", 1.0 * r_ankle, tuple(limbs[1:]))]
    return limbs


def _trunk(canvas: Canvas, figure: Figure) -> list[Step]:
    look, girth, size, xy = figure.look, figure.body.girth, figure.size, figure.xy

    def draw_pelvis() -> None:
        names = ("left_hip", "right_hip", "belly")
        centres = np.array([xy[n] for n in names])
        radii = np.array([0.050, 0.050, 0.040]) * girth * size
        canvas.fill(hull(centres, radii + 0.006 * size + 0.6), shade(look.trousers, 0.5),
                    figure.owner(Part.PELVIS))
        canvas.fill(hull(centres, radii), look.trousers)

    def draw_torso() -> None:
        names = ("left_shoulder", "right_shoulder", "chest", "back", "belly", "neck")
        waist = [xy["neck"] + 0.92 * (xy[f"{s}_hip"] - xy["neck"]) for s in ("left", "right")]
        centres = np.array([*(xy[n] for n in names), *waist])
        radii = np.array([.034, .034, .052, .052, .050, .02, .040, .040]) * girth * size
        outer = hull(centres, radii + 0.006 * size + 0.6)
        canvas.fill(outer, shade(look.shirt, 0.5), figure.owner(Part.TORSO))
        inner = hull(centres, radii)
        canvas.fill(inner, look.shirt)
        light = np.array(look.light) * (1, -1)
        canvas.fill(centres.mean(0) + 0.55 * (inner - centres.mean(0)) + 0.02 * size * light,
                    shade(look.shirt, 1.15))
        _print_pattern(canvas, figure, outer)
        _front_details(canvas, figure)

    def draw_neck() -> None:
        _limb(canvas, figure, ("neck", "head"), (0.030 * girth, 0.030), look.skin, Part.NECK)

    torso = figure.depth("neck", "left_hip", "right_hip")
    return [(torso - 0.002, draw_pelvis), (torso, draw_torso),
            (min(figure.depth("neck"), figure.depth("head") - 0.01), draw_neck)]


def _print_pattern(canvas: Canvas, figure: Figure, outline: np.ndarray) -> None:
    """Print stripes, checks or dots on the shirt, along the axes of the trunk."""
    look = figure.look
    window = canvas.window(outline.min(0), outline.max(0))
    if look.pattern == "plain" or window is None:
        return
    rows, columns = window
    axis = figure.xy["neck"] - (figure.xy["left_hip"] + figure.xy["right_hip"]) / 2
    turn = np.arctan2(axis[0], -axis[1]) + look.pattern_angle
    period = 0.062 * figure.size
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) - figure.xy["neck"][0]) / period
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) - figure.xy["neck"][1]) / period
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    across, along = c * x[None] + s * y[:, None], c * y[:, None] - s * x[None]
    if look.pattern == "stripes":
        printed = along % 1.0 < 0.45
    elif look.pattern == "checks":
        printed = (along % 1.0 < 0.5) ^ (across % 1.0 < 0.5)
    else:
        printed = (along % 1.0 - 0.5) ** 2 + (across % 1.0 - 0.5) ** 2 < 0.07
    printed &= canvas.owner[window] == figure.owner(Part.TORSO)
    cv2.copyTo(np.full((*printed.shape, 3), look.shirt_second, np.uint8),
               printed.astype(np.uint8), canvas.image[window])


def _front_details(canvas: Canvas, figure: Figure) -> None:
    """Collar and buttons, where the front faces the viewer."""
    look, xy, size = figure.look, figure.xy, figure.size
    facing = figure.skeleton.torso[2, 2]
    if facing < 0.3:
        return
    belly = (xy["left_hip"] + xy["right_hip"]) / 2
    canvas.fill(capsule(xy["neck"], xy["neck"] + 0.8 * (belly - xy["neck"]), 0.006 * size,
                        0.006 * size), shade(look.shirt, 0.45))
    canvas.fill(hull(xy["neck"][None], np.array([0.028 * size])), shade(look.skin, 0.92))


def _head(canvas: Canvas, figure: Figure) -> list[Step]:
    look, size, radius = figure.look, figure.size, figure.body.head
    rotation, depth = figure.skeleton.head, figure.depth("head") + 0.02
    steps: list[Step] = [(depth, lambda: draw_head(canvas, figure.xy["head"], radius * size,
                                                   rotation, look, figure.owner(Part.HEAD)))]
    if not look.long_hair:
        for sign, name, right in ((1, "left_ear", 0), (-1, "right_ear", 1)):
            near = float((rotation @ (EAR * (sign, 1, 1)))[2])
            steps.append((depth + radius * near + 0.01, lambda n=name, r=right: _limb(
                canvas, figure, (n, n), (0.21 * radius, 0.21 * radius),
                shade(look.skin, 0.9), Part.EAR + r)))
    else:
        steps.append((depth - 1.2 * radius * float(rotation[2, 2]),
                      lambda: _draw_long_hair(canvas, figure)))
    if (rotation @ NOSE)[2] > -0.1:
        steps.append((depth + 0.001, lambda: canvas.fill(
            hull(figure.xy["nose"][None], np.array([0.19 * radius * size])),
            (60.0, 60.0, 215.0), figure.owner(Part.HEAD))))
    return steps


def _draw_long_hair(canvas: Canvas, figure: Figure) -> None:
    """Hair that falls from the back of the head to the shoulders."""
    radius, size = figure.body.head, figure.size
    behind = (figure.skeleton.head @ np.array([0, -0.1, -0.35 * radius]))[:2] * (1, -1)
    top = figure.xy["head"] + behind * size * (1, 0.2)
    down = (figure.xy["neck"] - figure.xy["head"]) * 1.05
    canvas.fill(capsule(top, top + down, radius * size, 0.85 * radius * size),
                shade(figure.look.hair, 0.85), figure.owner(Part.HAIR))
