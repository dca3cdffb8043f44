"""The assignment problem: rows to columns at the least total cost."""

from __future__ import annotations

import numpy as np

from aepose.codecs.core import core

LARGEST_COST = 1e300  # beyond, differences of costs are not finite


def assign(cost: np.ndarray) -> list[tuple[int, int]]:
    """Return min(R, C) pairs (row, column), rows ascending, whose costs have the least sum.

    cost: (R, C) float64

    Many assignments can share the least sum, and the poses depend on which of them is taken: the
    pairs are those of munkres 1.1.4, whose rule other solvers do not follow. (There, costs with
    differences above 9.2e18 never come to an end; here they do.)

    Raises ValueError for a cost that is not a matrix of finite values up to 1e300.
    """
    if cost.ndim != 2:
        raise ValueError(f"cost: expected (R, C), got {cost.shape}")
    # A comparison with NaN is false.
    if not (np.abs(cost) <= LARGEST_COST).all():
        raise ValueError("cost: NaN or infinite values, or beyond 1e300")
    if not cost.size:
        return []
    compiled = core()
    if compiled is not None:
        columns = compiled.assign(np.ascontiguousarray(cost, np.float64))
    else:
        columns = _Assignment(cost).solve()
    return [(row, column) for row, column in enumerate(columns) if column >= 0]


class _Assignment:
    """The method of Kuhn and Munkres on a square matrix, filled up with zeros.

    The order in which zeros are looked for decides among equal assignments, see ``_find_zero``.
    Rows of zeros and sets of columns are integers with a bit per column: a search among them costs
    no loop.
    """

    def __init__(self, cost: np.ndarray) -> None:
        self.rows, self.columns = cost.shape
        self.size = max(cost.shape)
        self.cost = np.zeros((self.size, self.size))
        self.cost[: self.rows, : self.columns] = cost
        self.cost -= self.cost.min(axis=1, keepdims=True)
        self.star_in_row = [-1] * self.size
        self.star_in_column = [-1] * self.size

    def solve(self) -> list[int]:
        """Return the column of each row, -1 for none."""
        self._note_zeros()
        self._star_greedily()
        while self._cover_stars() < self.size:
            self._prime_and_augment()
        return [c if c < self.columns else -1 for c in self.star_in_row[: self.rows]]

    def _note_zeros(self) -> None:
        bits = np.packbits(self.cost == 0, axis=1, bitorder="little")
        self.zeros = [int.from_bytes(row.tobytes(), "little") for row in bits]

    def _star_greedily(self) -> None:
        free = (1 << self.size) - 1
        for row, zeros in enumerate(self.zeros):
            found = zeros & free
            if found:
                lowest = found & -found
                free ^= lowest
                self._star(row, lowest.bit_length() - 1)

    def _star(self, row: int, column: int) -> None:
        self.star_in_row[row] = column
        self.star_in_column[column] = row

    def _cover_stars(self) -> int:
        """Cover nothing but the columns with a star; return how many they are."""
        self.row_covered = [False] * self.size
        self.open = sum(1 << c for c, row in enumerate(self.star_in_column) if row < 0)
        return self.size - self.open.bit_count()

    def _prime_and_augment(self) -> None:
        """Prime zeros until one is found in a row without a star; make one more star of that."""
        primes = {}
        row = column = 0
        while True:
            found = self._find_zero(row, column)
            if found is None:
                self._open_a_zero()
                row = column = 0
                continue
            row, primes[found[0]] = found
            column = self.star_in_row[row]  # where the next search starts
            if column < 0:
                break
            self.row_covered[row] = True
            self.open |= 1 << column
        # Along the path of primes and stars, primes become stars and stars go.
        while row >= 0:
            column = primes[row]
            following = self.star_in_column[column]
            self._star(row, column)
            row = following

    def _find_zero(self, row: int, column: int) -> tuple[int, int] | None:
        """Return an uncovered zero (row, column): that of the first row that has any, from ``row``
        on and around; in it the last one from ``column`` on and around."""
        before = (1 << column) - 1
        for i in (*range(row, self.size), *range(row)):
            zeros = 0 if self.row_covered[i] else self.zeros[i] & self.open
            if zeros:
                return i, (zeros & before or zeros).bit_length() - 1
        return None

    def _open_a_zero(self) -> None:
        """Make the least uncovered value zero: add it to covered rows, then subtract it from
        uncovered columns. Cells in both get both, rounding included."""
        covered = np.array(self.row_covered)
        is_open = np.array([bool(self.open >> c & 1) for c in range(self.size)])
        least = self.cost[np.ix_(~covered, is_open)].min()
        self.cost[covered] += least
        self.cost[:, is_open] -= least
        self._note_zeros()
