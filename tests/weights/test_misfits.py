import pytest
import torch

from aepose.weights.checkpoint import Misfits, listed

OWN = {"a": torch.zeros(2), "b": torch.zeros(3)}


@pytest.mark.parametrize(("given", "expected"), [
    ({"a": 2, "b": 3}, []),
    ({"b": 3}, ["  1 missing:", "    a"]),
    ({"a": 2, "b": 3, "c": 1}, ["  1 unexpected:", "    c"]),
    ({"a": 2, "b": 4}, ["  1 wrong shape:", "    b: file (4,), network (3,)"]),
])
def test_misfits(given, expected):
    state = {name: torch.zeros(size) for name, size in given.items()}
    assert Misfits.between(OWN, state, "file").lines() == expected


def test_ten_names_are_listed():
    lines = listed("missing", [str(i) for i in range(12)])
    assert lines[0] == "  12 missing (+2 more):"
    assert lines[1:] == [f"    {i}" for i in range(10)]
