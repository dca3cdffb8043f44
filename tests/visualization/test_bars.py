import numpy as np
import pytest

from aepose.visualization.bars import draw_bars

RED, BLUE = (255, 0, 0), (0, 0, 255)
PARTS = {"red": RED, "blue": BLUE}


def lengths(picture, row):
    """Pixels of each colour along the middle of a bar."""
    line = picture[row]
    return [int((line == color).all(axis=1).sum()) for color in (RED, BLUE)]


def bars(picture):
    """The (red, blue) pixels of each bar; a legend comes first."""
    found, last = [], None
    for row in range(len(picture)):
        now = lengths(picture, row)
        if any(now) and now != last:
            found.append(tuple(now))
        last = now
    return found[1:]


@pytest.mark.parametrize(("rows", "expected"), [
    ({"a": (1, 1)}, [(280, 280)]),
    ({"a": (3, 1), "b": (0, 5)}, [(420, 140), (0, 560)]),
    ({"a": (0, 0)}, []),
    ({}, []),
    ({"a rather long name that needs much room": (0.5, 1.5)}, [(140, 420)]),
])
def test_lengths_are_shares(rows, expected):
    picture = draw_bars("title", rows, PARTS)
    assert picture.dtype == np.uint8
    assert bars(picture) == expected


def test_names_and_totals_make_room_for_themselves():
    short, long = (draw_bars("title", {name: (1, total)}, PARTS)
                   for name, total in (("a", 1), ("a long name", 123_456)))
    assert len(short) == len(long)
    assert short.shape[1] + 60 < long.shape[1]


@pytest.mark.parametrize("values", [(1,), (1, 2, 3), (1, -1)])
def test_bad_rows(values):
    with pytest.raises(ValueError, match="row 'a': expected 2 sizes from 0"):
        draw_bars("title", {"a": values}, PARTS)
