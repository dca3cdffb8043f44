"""Batches of test pictures that fit into one array."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

Sizes = tuple[tuple[int, int], ...]
"""(W, H) of a test picture at each test scale."""


def same_size_batches(sizes: Sequence[Sizes], batch_size: int) -> list[list[int]]:
    """Return positions in batches of at most ``batch_size`` whose sizes are equal.

    Batches of large pictures come first, so that memory that does not suffice shows at once;
    within a batch the order is kept. Batches of one are in the given order.

    >>> small, large = ((64, 64),), ((64, 96),)
    >>> same_size_batches([small, large, small, small], 2)
    [[1], [0, 2], [3]]
    """
    if batch_size == 1:
        return [[position] for position in range(len(sizes))]
    groups: dict[Sizes, list[int]] = defaultdict(list)
    for position, size in enumerate(sizes):
        groups[size].append(position)
    largest_first = sorted(groups, key=lambda size: (math.prod(size[0]), size), reverse=True)
    return [group[start:start + batch_size]
            for group in (groups[size] for size in largest_first)
            for start in range(0, len(group), batch_size)]
