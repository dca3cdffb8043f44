"""Every stage against reference values, through the same program that users run."""

import pytest

from tests.golden_check import (
    ALL,
    LARGER,
    OWN,
    SHARED,
    SWAHR,
    checker,
    default_data,
    find_goldens,
    main,
)
from tests.goldens.common import Options
from tests.shared import shared

FULL = SHARED / "golden"
SLOW = {"train_step", "train_curve", "trained_toy", "swahr_forward", "swahr_train_step"}


def _cases():
    for folder in (OWN, OWN / "swahr"):
        for name in find_goldens(folder):
            yield pytest.param(
                folder, name, id=f"own-{name}",
                marks=[pytest.mark.slow, pytest.mark.numbers] if name in SLOW else [])
    for name in LARGER:
        yield pytest.param(FULL / "swahr" if name in SWAHR else FULL, name, id=f"full-{name}",
                           marks=pytest.mark.slow)


@pytest.mark.parametrize(("folder", "name"), list(_cases()))
def test_golden(folder, name):
    if FULL in (folder, folder.parent):
        for file in ALL[name][0]:
            shared(str(folder.relative_to(SHARED) / file))
    # For the sake of time; a fifth has every network, both sizes, one scale and three.
    every = 5 if name == "aggregate" else 1
    tally = checker(name)(folder, Options(default_data(folder), every=every))
    if not tally.cases:
        shared("data")
        pytest.skip("; ".join(sorted(set(tally.skipped.values()))))
    worst = {case: tally.cases[case][1] for case in tally.disagreeing}
    assert not worst


def test_program_reports_a_disagreement(tmp_path, capsys):
    for file in ("procedural_check.json",):
        (tmp_path / file).write_bytes((OWN / file).read_bytes())
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--salt", "x"]) == 1
    assert "disagrees" in capsys.readouterr().out


def test_program_fails_where_nothing_is_compared(tmp_path):
    assert main([str(tmp_path)]) == 1
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--only", "losses"])
