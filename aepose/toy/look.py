"""Looks of toy people: clothes, colours, patterns, hair and small details."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from aepose.toy.canvas import Colour, shade

_SKIN: tuple[Colour, ...] = (
    (178, 205, 240), (150, 185, 230), (125, 165, 215), (100, 140, 195), (75, 110, 165),
    (55, 82, 130), (42, 62, 100))
_HAIR: tuple[Colour, ...] = (
    (25, 25, 28), (30, 38, 52), (35, 55, 85), (45, 85, 125), (95, 165, 205), (165, 175, 180),
    (50, 80, 165))


@dataclass(frozen=True)
class Look:
    """Colours are BGR, 0-255.

    pattern: of the shirt, a key of ``PATTERNS`` or ``plain``; pattern_angle in radians
    sleeve, trouser: share of arm or leg that is covered, 0 to 2 (1 ends at elbow or knee)
    hair_edge: cosine of the angle between the hair's axis and its edge, low for much hair
    pads: whether elbows, wrists, knees and ankles wear ``PADS``
    """

    skin: Colour
    hair: Colour
    shirt: Colour
    shirt_second: Colour
    trousers: Colour
    shoes: Colour
    pattern: str
    pattern_angle: float
    sleeve: float
    trouser: float
    hair_edge: float
    long_hair: bool
    beard: bool
    pads: bool
    light: tuple[float, float]


# Pads on joints, seen from the front and from behind: a network of a million weights learns to
# find them in minutes, where bare joints would take it hours.
PADS: dict[str, tuple[Colour, Colour]] = {
    "elbow": ((0.0, 185.0, 240.0), (0.0, 95.0, 130.0)),
    "wrist": ((205.0, 0.0, 205.0), (95.0, 0.0, 100.0)),
    "knee": ((255.0, 200.0, 100.0), (130.0, 50.0, 10.0)),
    "ankle": ((120.0, 120.0, 255.0), (20.0, 20.0, 140.0)),
}
PATTERNS = ("stripes", "checks", "dots")


def random_colour(rng: np.random.Generator) -> Colour:
    """A colour as clothes and scenery have them: any hue, from dull to bright."""
    hue, saturation, value = rng.random(), rng.beta(1.6, 1.6), rng.uniform(0.15, 0.95)
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return 255.0 * blue, 255.0 * green, 255.0 * red


def _vary(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return shade(colours[rng.integers(len(colours))], rng.uniform(0.9, 1.1))


def sample_look(rng: np.random.Generator, light: tuple[float, float]) -> Look:
    """Draw clothes, skin and hair; ``light`` is the picture's (x, y) direction of light."""
    shirt = random_colour(rng)
    second = random_colour(rng) if rng.random() < 0.6 else shade(shirt, rng.choice([0.55, 1.6]))
    trousers = shirt if rng.random() < 0.08 else random_colour(rng)
    long_hair = rng.random() < 0.22
    return Look(
        skin=_vary(rng, _SKIN), hair=random_colour(rng) if rng.random() < 0.12
        else _vary(rng, _HAIR), shirt=shirt, shirt_second=second, trousers=trousers,
        shoes=random_colour(rng), pattern=str(rng.choice((*PATTERNS, "plain", "plain"))),
        pattern_angle=float(rng.choice([0.0, 0.0, np.pi / 2, np.pi / 4])),
        sleeve=float(rng.choice([0.0, 0.55, 0.8, 1.5, 2.0, 2.0])),
        trouser=float(rng.choice([0.5, 0.85, 1.5, 2.0, 2.0, 2.0])),
        hair_edge=rng.uniform(-0.05, 0.12) if long_hair else rng.uniform(0.1, 0.38),
        long_hair=long_hair, beard=not long_hair and rng.random() < 0.15,
        pads=rng.random() < 0.92, light=light)
