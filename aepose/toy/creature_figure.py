"""Individuals of a described creature: drawn from its ranges, placed and painted."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np

from aepose.metainfo import Metainfo
from aepose.metainfo.own import make_metainfo
from aepose.toy.canvas import OWNER_STEP, SCALE, Canvas, Colour, band, hull, shade
from aepose.toy.creature import Creature, Hull, Joint, Range
from aepose.toy.look import random_colour
from aepose.toy.visibility import shows

_SIGMAS = 0.025, 0.107  # the least and the greatest of COCO's
_STRIPES = 0.12, 0.24  # where on a limb the first begins, and from one to the next


@dataclass
class Individual:
    """A creature of certain proportions, pose and colours.

    points: (2,) of each joint, in the unit of the description, x right and y down
    ends: radii at the parent and at the joint, of each joint that is drawn
    hulls: radius of each hull
    """

    creature: Creature
    points: dict[str, np.ndarray]
    ends: dict[str, tuple[float, float]]
    hulls: dict[Hull, float]
    colours: dict[str, Colour]

    def extent(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners (2,), (2,) of the box around it, in the unit of the description."""
        discs = [(self.points[end], radius) for joint in self.creature.joints
                 if joint.name in self.ends
                 for end, radius in zip((joint.parent or joint.name, joint.name),
                                        self.ends[joint.name], strict=True)]
        discs += [(self.points[name], radius) for part, radius in self.hulls.items()
                  for name in part.joints]
        return (np.min([xy - radius for xy, radius in discs], axis=0),
                np.max([xy + radius for xy, radius in discs], axis=0))


@dataclass
class Placed:
    """An individual on a canvas, whose pixels ``xy``, ``scale`` and ``size`` count.

    number: of the figure, as in ``Canvas.owner``
    xy: (2,) of each joint
    scale: pixels of the description's unit
    size: the longer side of its box
    light: (2,) direction, y down
    """

    individual: Individual
    number: int
    xy: dict[str, np.ndarray]
    scale: float
    size: float
    light: np.ndarray

    def owner(self, part: int) -> int:
        """The value in ``Canvas.owner`` of a part, by its index."""
        return self.number * OWNER_STEP + 1 + part


def sample_individual(creature: Creature, rng: np.random.Generator | None) -> Individual:
    """Draw proportions, pose and colours; without ``rng`` the middle of every range.

    Joints of the two sides have equal lengths and radii, and angles of their own.
    """
    girth = _pick(rng, creature.girth)
    side = -1.0 if rng is not None and rng.random() < creature.mirrored else 1.0
    turn = radians(_pick(rng, creature.turn))
    points: dict[str, np.ndarray] = {}
    headings: dict[str | None, float] = {None: turn}
    lengths: dict[str, float] = {}
    ends: dict[str, tuple[float, float]] = {}
    for joint in creature.joints:
        twin = joint.mirror_of
        length = lengths[joint.name] = lengths[twin] if twin else _pick(rng, joint.length)
        heading = headings[joint.parent] + side * radians(_pick(rng, joint.angle))
        headings[joint.name] = heading
        start = points[joint.parent] if joint.parent is not None else np.zeros(2)
        points[joint.name] = start + length * np.array([sin(heading), -cos(heading)])
        if twin in ends:
            ends[joint.name] = ends[twin]
        elif joint.radius is not None:
            radius = girth * _pick(rng, joint.radius)
            base = girth * _pick(rng, joint.base) if joint.base else radius
            ends[joint.name] = base, radius
    hulls = {part: girth * _pick(rng, part.radius) for part in creature.hulls}
    colours = {name: _colour(rng, ends_) for name, ends_ in creature.colours.items()}
    return Individual(creature, points, ends, hulls, colours)


def _pick(rng: np.random.Generator | None, values: Range) -> float:
    low, high = values
    return (low + high) / 2 if rng is None else float(rng.uniform(low, high))


def _colour(rng: np.random.Generator | None, ends: tuple | None) -> Colour:
    """BGR of a range of RGB, or any."""
    if ends is None:
        return (128.0,) * 3 if rng is None else random_colour(rng)
    low, high = np.array(ends, float)[:, ::-1]
    blue, green, red = low + _pick(rng, (0.0, 1.0)) * (high - low)
    return blue, green, red


def place_individual(individual: Individual, number: int, corner: np.ndarray, size: float,
                     light: tuple[float, float]) -> Placed:
    """Put the top left corner of an individual's box at ``corner`` (2,) pixels of the canvas.

    size: of the longer side of the box, pixels of the canvas
    light: direction, x right and y up
    """
    low, high = individual.extent()
    scale = size / float((high - low).max())
    xy = {name: corner + scale * (point - low) for name, point in individual.points.items()}
    return Placed(individual, number, xy, scale, size, np.array(light) * (1, -1))


def draw_individual(canvas: Canvas, placed: Placed) -> None:
    """Draw all parts of an individual in painter's order."""
    edge = 0.006 * placed.size + 0.6
    for number, part in enumerate(placed.individual.creature.parts):
        colour = shade(placed.individual.colours[part.colour], part.shade)
        if isinstance(part, Hull):
            _draw_hull(canvas, placed, part, colour, placed.owner(number), edge)
        else:
            _draw_limb(canvas, placed, part, colour, placed.owner(number), edge)


def _draw_hull(canvas: Canvas, placed: Placed, part: Hull, colour: Colour, owner: int,
               edge: float) -> None:
    centres = np.array([placed.xy[name] for name in part.joints])
    radii = np.full(len(centres), placed.scale * placed.individual.hulls[part])
    canvas.fill(hull(centres, radii + edge), shade(colour, 0.5), owner)
    outline = hull(centres, radii)
    canvas.fill(outline, colour)
    middle = centres.mean(0)
    canvas.fill(middle + 0.55 * (outline - middle) + 0.02 * placed.size * placed.light,
                shade(colour, 1.15))


def _draw_limb(canvas: Canvas, placed: Placed, joint: Joint, colour: Colour, owner: int,
               edge: float) -> None:
    a, b = placed.xy[joint.parent or joint.name], placed.xy[joint.name]
    ra, rb = (placed.scale * radius for radius in placed.individual.ends[joint.name])
    canvas.limb((a, b), (ra, rb), colour, owner, edge, placed.light)
    if joint.stripes is not None:
        second = placed.individual.colours[joint.stripes]
        first, step = _STRIPES
        for at in np.arange(first, 1 - step / 2, step):
            canvas.fill(band(a, b, ra, rb, at, at + step / 2), second)


def visible_joints(canvas: Canvas, placed: Placed) -> np.ndarray:
    """(K,) bool: which keypoints of an individual show on the finished canvas."""
    creature = placed.individual.creature
    step = max(1, round(0.006 * placed.size))
    return np.array([shows(canvas, placed.xy[name],
                           [placed.owner(part) for part in creature.touching(name)], step)
                     for name in creature.keypoints])


def creature_metainfo(creature: Creature) -> Metainfo:
    """The keypoint set of a creature.

    A sigma is half the drawn radius at the keypoint over the root of the area of a creature of
    middle proportions, within the bounds of COCO's: the thicker a part, the less certain is where
    in it its joint lies.
    """
    individual = sample_individual(creature, None)
    canvas = Canvas(np.zeros((256, 256, 3), np.uint8))
    placed = place_individual(individual, 1, np.zeros(2), 256.0 * SCALE, (0.0, 1.0))
    draw_individual(canvas, placed)
    unit = np.sqrt(canvas.owned_by(1)) / placed.scale
    sigmas = [float(np.clip(0.5 * _radius_at(individual, name) / unit, *_SIGMAS).round(4))
              for name in creature.keypoints]
    return make_metainfo({
        "name": creature.name, "keypoint_names": creature.keypoints, "sigmas": sigmas,
        "flip_pairs": creature.flip_pairs, "skeleton": creature.skeleton})


def _radius_at(individual: Individual, name: str) -> float:
    """The radius of a joint or, if it is not drawn itself, of the thinnest part that touches it."""
    if name in individual.ends:
        return individual.ends[name][1]
    parts = [individual.creature.parts[part] for part in individual.creature.touching(name)]
    return min(individual.hulls[part] if isinstance(part, Hull) else individual.ends[part.name][0]
               for part in parts)
