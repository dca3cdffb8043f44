"""The assignment problem: rows to columns at the least total cost."""

from __future__ import annotations

import numpy as np

from aepose.codecs.core import core

LARGEST_COST = 1e18  # munkres takes sys.maxsize, 9.2e18, for the largest difference there is


def assign(cost: np.ndarray) -> list[tuple[int, int]]:
    """Return min(R, C) pairs (row, column), rows ascending, whose costs have the least sum.

    cost: (R, C) float64

    Many assignments can share the least sum, and the poses depend on which of them is taken: the
    pairs are those of the package munkres, whose rule other solvers do not follow. It is called
    where the compiled core, which does the same, is not there.

    Raises ValueError for a cost that is not a matrix of finite values up to 1e18.
    """
    if cost.ndim != 2:
        raise ValueError(f"cost: expected (R, C), got {cost.shape}")
    # A comparison with NaN is false.
    if not (np.abs(cost) <= LARGEST_COST).all():
        raise ValueError("cost: NaN or infinite values, or beyond 1e18")
    if not cost.size:
        return []
    compiled = core()
    if compiled is None:
        from munkres import Munkres

        return Munkres().compute(cost.tolist())
    columns = compiled.assign(np.ascontiguousarray(cost, np.float64))
    return [(row, column) for row, column in enumerate(columns) if column >= 0]
