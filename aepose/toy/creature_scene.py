"""Compose a picture of described creatures, of one kind or of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aepose.toy.annotation import Annotation, annotate
from aepose.toy.background import draw_occluder, finish
from aepose.toy.canvas import Canvas
from aepose.toy.creature import Creature
from aepose.toy.creature_figure import (
    Placed,
    draw_individual,
    place_individual,
    sample_individual,
    visible_joints,
)
from aepose.toy.scene import DEFAULT, SHRINK, Preset, empty_scene, find_spot


def draw_creatures(rng: np.random.Generator, preset: Preset, creatures: Sequence[Creature],
                   ) -> tuple[np.ndarray, list[Annotation]]:
    """Draw one picture; returns it, (H, W, 3) uint8, BGR, and the annotations of its creatures.

    How many there are, how they overlap and what stands in front says ``preset``, as of people;
    each is of any of ``creatures``. The ``category_id`` is its number among them, from 1.
    """
    canvas, light = empty_scene(rng)
    placed = _compose(rng, canvas, preset, creatures, light)
    full = []
    for one in placed:
        draw_individual(canvas, one)
        full.append(canvas.owned_by(one.number))
    if rng.random() < preset.occluder:
        draw_occluder(rng, canvas)
    annotations = []
    for one, whole in zip(placed, full, strict=True):
        creature = one.individual.creature
        xy = np.array([one.xy[name] for name in creature.keypoints])
        found = annotate(rng, canvas, one.number, xy, visible_joints(canvas, one), whole,
                         np.zeros(len(xy), bool))
        if found is not None:
            annotations.append({**found, "category_id": 1 + creatures.index(creature)})
    return finish(rng, canvas.picture()), annotations


def _compose(rng: np.random.Generator, canvas: Canvas, preset: Preset,
             creatures: Sequence[Creature], light: tuple[float, float]) -> list[Placed]:
    """Choose creatures and their places; the later ones lie over the earlier ones."""
    count = int(rng.choice(len(preset.people), p=preset.people))
    # In hard pictures some are smaller, as people are.
    smaller = preset.height[0] / DEFAULT.height[0]
    placed: list[Placed] = []
    boxes: list[tuple[np.ndarray, np.ndarray]] = []
    for number in range(1, 1 + count):
        creature = creatures[int(rng.integers(len(creatures)))]
        individual = sample_individual(creature, rng)
        low, high = individual.extent()
        share = rng.uniform(smaller * creature.size[0], creature.size[1])
        size = share * SHRINK[count] * min(canvas.owner.shape)
        corner = find_spot(rng, canvas, (high - low) * size / (high - low).max(), boxes, preset)
        placed.append(place_individual(individual, number, corner, size, light))
    return placed
