import pytest

from aepose.evaluation import Scores, format_scores

COLUMNS = ("AP", "AP50", "AP(L)")


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_columns_and_alignment():
    full = Scores({"AP": 0.67712, "AR75": 0.78, "AP(L)": -1.0, "AP50": 0.861}, COLUMNS)
    lines = format_scores({"single-scale": full, "multi": full}).splitlines()
    assert cells(lines[0]) == ["", *COLUMNS]
    assert cells(lines[1])[0] == "-" * len("single-scale")
    assert cells(lines[2]) == ["single-scale", "0.677", "0.861", "-"]
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    bars = [[i for i, c in enumerate(line) if c == "|"] for line in lines]
    assert all(b == bars[0] for b in bars)


@pytest.mark.parametrize(("metrics", "shown"), [
    ({"AP": 0.0}, "0.000"),
    ({"AP": 0}, "0.000"),
    ({"AP": -1}, "-"),
    ({}, "-"),
    ({"AP": 0.9996}, "1.000"),
])
def test_cell(metrics, shown):
    line = format_scores({"row": Scores(metrics, COLUMNS)}).splitlines()[-1]
    assert cells(line)[:2] == ["row", shown]
