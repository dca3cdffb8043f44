"""Reference data that lie beside the project, in ``../shared``: what needs them is skipped."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.golden_check import SHARED

_WHY = "needs ../shared/"


def shared(path: str) -> Path:
    """Return a path below ``../shared``; where it is missing, skip the test that asks for it."""
    if not (SHARED / path).exists():
        pytest.skip(f"{_WHY}{path}")
    return SHARED / path


def missing_line(reasons: Iterable[str]) -> str | None:
    """Return a line on what was skipped for lack of ``../shared``, or None.

    reasons: of all skipped tests, as pytest words them
    """
    paths = (reason.split(_WHY, 1)[1] for reason in reasons if _WHY in reason)
    counts = Counter(path.split("/")[0] for path in paths)
    if not counts:
        return None
    parts = ", ".join(f"{folder} {count}" for folder, count in sorted(counts.items()))
    return f"not run for lack of ../shared: {counts.total()} tests ({parts})"
