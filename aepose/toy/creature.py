"""A creature of the toy world as a description: a tree of joints, and how each part looks.

Angles are degrees, clockwise in the picture, from the direction in which the parent lies from its
own parent; the root has the direction of ``turn``, where 0 is up. Lengths and radii are in a unit
of the description's own: what counts is their ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

Range = tuple[float, float]
"""The least and the greatest value that is drawn, evenly."""
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Joint:
    """A point of a creature, and the limb to it from its parent.

    parent: None for the root alone
    length, angle: of the way from the parent
    radius, base: of the limb at the joint and at its parent; without a radius nothing is drawn
    colour: a name of the creature's ``colours``; shade makes it darker (below 1) or lighter
    layer: greater ones are drawn later, over the others; equal ones in the order of the file
    stripes: the colour of cross stripes
    mirror_of: the joint of the other side whose mirror image this one is, angles negated
    """

    name: str
    parent: str | None = None
    length: Range = (0.0, 0.0)
    angle: Range = (0.0, 0.0)
    radius: Range | None = None
    base: Range | None = None
    colour: str | None = None
    shade: float = 1.0
    layer: float = 0.0
    stripes: str | None = None
    mirror_of: str | None = None


@dataclass(frozen=True)
class Hull:
    """A part that spans several joints, such as a palm: discs of one radius, and all between."""

    joints: tuple[str, ...]
    radius: Range
    colour: str
    shade: float = 1.0
    layer: float = 0.0


@dataclass(frozen=True)
class Creature:
    """A kind of creature; see ``aepose/toy/creatures`` for those that ship.

    keypoints: names of the joints that are annotated
    size: longer side of a creature's box, in shorter sides of the picture
    turn: direction of the root
    girth: factor on all radii
    mirrored: share of individuals that are drawn mirrored, such as hands of the other side
    colours: for each name the two ends of a range, RGB, or None for any colour
    joints: parents before their children
    """

    name: str
    keypoints: tuple[str, ...]
    size: Range
    turn: Range
    girth: Range
    mirrored: float
    colours: dict[str, tuple[Rgb, Rgb] | None]
    joints: tuple[Joint, ...]
    hulls: tuple[Hull, ...]

    @cached_property
    def parts(self) -> tuple[Joint | Hull, ...]:
        """All that is drawn, in painter's order; of one layer, hulls come first."""
        drawn = [joint for joint in self.joints if joint.radius is not None]
        return tuple(sorted([*self.hulls, *drawn], key=lambda part: part.layer))

    @cached_property
    def parent(self) -> dict[str, str | None]:
        """The parent of each joint."""
        return {joint.name: joint.parent for joint in self.joints}

    def touching(self, name: str) -> list[int]:
        """Indices of the parts on which a joint is seen: its own, its children's, its hulls."""
        return [i for i, part in enumerate(self.parts)
                if name in (part.joints if isinstance(part, Hull) else (part.name, part.parent))]

    @property
    def flip_pairs(self) -> tuple[tuple[str, str], ...]:
        """Keypoints that are each other's mirror images."""
        return tuple((joint.mirror_of, joint.name) for joint in self.joints
                     if joint.mirror_of and joint.name in self.keypoints)

    @property
    def skeleton(self) -> tuple[tuple[str, str], ...]:
        """Each keypoint with the nearest of its ancestors that is one."""
        limbs = []
        for name in self.keypoints:
            above = self.parent[name]
            while above is not None and above not in self.keypoints:
                above = self.parent[above]
            if above is not None:
                limbs.append((above, name))
        return tuple(limbs)
