from itertools import permutations

import numpy as np
import pytest
from munkres import Munkres

from aepose.codecs.assignment import assign
from tests.codecs.paths import missing, on_path


@pytest.fixture(params=["compiled", "numpy"], autouse=True)
def path(request):
    """Run everything compiled and in Python."""
    if missing(request.param):
        pytest.skip(missing(request.param))
    with on_path(request.param):
        yield request.param


ASSIGN_CASES = {
    "one row": ([[3, 1, 2]], [(0, 1)]),
    "one column": ([[3], [1], [2]], [(1, 0)]),
    "square": ([[4, 1], [2, 3]], [(0, 1), (1, 0)]),
    "best total, not best row": ([[1, 2], [1, 9]], [(0, 1), (1, 0)]),
    "negative": ([[-1, -2], [-5, -9]], [(0, 0), (1, 1)]),
    "ties, all equal": ([[0, 0, 0], [0, 0, 0]], [(0, 0), (1, 1)]),
    # In the next two the answer of other solvers, (0, 1) or (1, 1), costs as little.
    "ties, last zero of the row": ([[0, 0, 0], [0, 1, 1]], [(0, 2), (1, 0)]),
    "ties, last column": ([[0, 1, 1], [0, 1, 1]], [(0, 0), (1, 2)]),
    "no rows": (np.zeros((0, 3)), []),
    "no columns": (np.zeros((3, 0)), []),
}


@pytest.mark.parametrize(("cost", "pairs"), ASSIGN_CASES.values(), ids=ASSIGN_CASES)
def test_assign(cost, pairs):
    cost = np.array(cost, np.float64)
    before = cost.copy()
    assert assign(cost) == pairs
    np.testing.assert_array_equal(cost, before)


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (np.zeros(3), r"expected \(R, C\)"),
        (np.array([[1, np.nan]]), "NaN"),
        (np.array([[1, np.inf]]), "infinite"),
        (np.array([[1, -2e18]]), "beyond 1e18"),
    ],
)
def test_assign_says_what_is_wrong(cost, message):
    with pytest.raises(ValueError, match=message):
        assign(cost)


def random_costs(number, seed=0):
    """Yield matrices with many equal assignments, and some without."""
    rng = np.random.default_rng(seed)
    for index in range(number):
        rows, columns = rng.integers(1, 9 if index % 10 else 40, 2)
        kind = index % 4
        if kind == 0:
            yield rng.integers(0, 3, (rows, columns)).astype(np.float64)
        elif kind == 1:
            yield rng.integers(0, 4, (rows, columns)) * 100 - rng.random((rows, 1))
        elif kind == 2:
            yield rng.normal(size=(rows, columns))
        else:
            cost = rng.integers(0, 4, (rows, columns)) - rng.random((rows, 1))
            yield np.where(rng.random(columns) < 0.4, 1e10, cost)


def test_assign_gives_the_pairs_of_munkres():
    for cost in random_costs(400):
        assert assign(cost) == Munkres().compute(cost.tolist()), cost.tolist()


def test_assign_costs_the_least():
    """No way to bring together rows and columns of a small matrix costs less."""
    for cost in random_costs(400, seed=1):
        if max(cost.shape) <= 6:
            short = cost if len(cost) <= cost.shape[1] else cost.T
            ways = np.array(list(permutations(range(short.shape[1]), len(short))))
            least = short[np.arange(len(short)), ways].sum(axis=1).min()
            found = sum(cost[pair] for pair in assign(cost))
            assert found == pytest.approx(least, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("size", [63, 64, 65, 130])
def test_more_columns_than_bits_of_a_word(size):
    """Each row is cheapest in one column, whose number is the row's from behind."""
    cost = np.ones((size, size))
    cost[np.arange(size), np.arange(size)[::-1]] = 0
    assert assign(cost) == [(row, size - 1 - row) for row in range(size)]


@pytest.mark.parametrize("scale", [1e18, 5e-324, 1e-310])
def test_hostile_scales_come_to_an_end(scale):
    cost = np.array([[0.25, 1, 0.5], [0.25, 0.75, 1], [0.25, 0.5, 1]]) * scale
    columns = [column for _, column in assign(cost)]
    assert sorted(columns) == [0, 1, 2]
