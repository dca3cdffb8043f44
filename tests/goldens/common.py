"""What the golden checkers share."""

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Options:
    """What a checker may need besides the folder of goldens.

    data: folder of pictures and annotations that some goldens refer to
    salt: put before each key in the procedural-weights rule; None takes the one stored in the file
    every: of aggregated maps, compare every n-th case
    """

    data: Path
    salt: str | None = None
    every: int = 1


@dataclass
class Tally:
    """Counts of compared cases.

    cases: name -> (agrees, difference)
    skipped: name -> why
    """

    cases: dict[str, tuple[bool, float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, difference: float, tolerance: float) -> None:
        """Note one case: it agrees when ``difference`` (any NaN disagrees) is within tolerance."""
        self.cases[name] = (bool(difference <= tolerance), float(difference))

    def skip(self, name: str, why: str) -> None:
        """Note one case that cannot be checked here."""
        self.skipped[name] = why

    @property
    def disagreeing(self) -> list[str]:
        """Names of the cases that do not agree."""
        return [name for name, (agrees, _) in self.cases.items() if not agrees]

    @property
    def worst(self) -> float:
        """The largest difference."""
        return max((d for _, d in self.cases.values()), default=0.0)


def difference(actual, expected) -> float:
    """Return max |actual - expected|; inf where shapes differ, 0 for two empty arrays."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if actual.shape != expected.shape:
        return float("inf")
    if actual.size == 0:
        return 0.0
    worst = np.abs(actual - expected).max()
    return float("inf") if np.isnan(worst) else float(worst)


def relative_difference(actual, expected) -> float:
    """Return max |actual - expected| / max(1, |expected|)."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if actual.shape != expected.shape:
        return float("inf")
    scale = np.maximum(1, np.abs(expected))
    return difference(actual / scale, expected / scale)


def scaled_difference(actual, expected) -> float:
    """Return max |actual - expected| / max |expected|: fair to arrays of tiny values too."""
    largest = np.abs(np.asarray(expected, np.float64)).max(initial=0.0)
    return difference(actual, expected) / (largest or 1.0)


def read_json(path: Path):
    """Read .json or .json.gz."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return json.load(stream)
    return json.loads(path.read_text(encoding="utf-8"))
