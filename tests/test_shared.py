import pytest

from tests.shared import missing_line, shared


def test_what_is_missing_is_skipped_and_named():
    with pytest.raises(pytest.skip.Exception, match=r"needs \.\./shared/no/such/data") as skipped:
        shared("no/such/data")
    reasons = [f"Skipped: {skipped.value}"] * 2 + ["Skipped: needs ../shared/a/b", "no compiler"]
    assert missing_line(reasons) == "not run for lack of ../shared: 3 tests (a 1, no 2)"


def test_nothing_is_missing():
    assert missing_line(["no compiler"]) is None
