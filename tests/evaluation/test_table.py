import pytest

from aepose.evaluation import format_metrics

FULL = {"AP": 0.67712, "AP50": 0.861, "AP75": 0.74, "AR": 0.72349, "AR50": 0.9, "AP(M)": 0.6,
        "AP(L)": -1.0, "AR(M)": 0.65, "AR(L)": 1.0, "AR75": 0.78}


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_columns_and_alignment():
    lines = format_metrics({"single-scale": FULL, "multi": FULL}).splitlines()
    assert cells(lines[0]) == ["", "AP", "AP50", "AP75", "AR", "AR50", "AP(M)", "AP(L)", "AR(M)",
                               "AR(L)"]
    assert cells(lines[1])[0] == "-" * len("single-scale")
    assert cells(lines[2]) == ["single-scale", "0.677", "0.861", "0.740", "0.723", "0.900",
                               "0.600", "-", "0.650", "1.000"]
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    bars = [[i for i, c in enumerate(line) if c == "|"] for line in lines]
    assert all(b == bars[0] for b in bars)


@pytest.mark.parametrize(("metrics", "shown"), [
    ({"AP": 0.0}, "0.000"),
    ({"AP": 0}, "0.000"),
    ({"AP": -1}, "-"),
    ({}, "-"),
    ({"coco/AP": 0.5}, "0.500"),
    ({"AP": 0.9996}, "1.000"),
])
def test_cell(metrics, shown):
    line = format_metrics({"row": metrics}).splitlines()[-1]
    assert cells(line)[:2] == ["row", shown]


def test_no_rows():
    assert len(format_metrics({}).splitlines()) == 2


@pytest.mark.parametrize(("metrics", "columns"), [
    ({"coco/AP(E)": 0.5, "coco/AP(M)": 0.25},
     ["AP", "AP50", "AP75", "AP(E)", "AP(M)", "AP(H)", "AR", "AR50"]),
    ({"AP": 0.5, "body AP": 0.25, "wholebody AP": 0.5},
     [f"{part} {stat}" for part in ("body", "foot", "face", "hand", "wholebody")
      for stat in ("AP", "AR")]),
])
def test_columns_of_other_data_sets(metrics, columns):
    header, _, row, other = format_metrics({"mine": metrics, "other": {}}).splitlines()
    assert cells(header) == ["", *columns]
    plain = {key.rsplit("/", 1)[-1]: value for key, value in metrics.items()}
    assert cells(row) == ["mine", *(f"{plain[c]:.3f}" if c in plain else "-" for c in columns)]
    assert set(cells(other)[1:]) == {"-"}
