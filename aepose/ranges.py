"""Types of numbers that lie in a range; a config's values are compared with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Range:
    """Numbers from ``least`` to ``most``, both included."""

    least: float
    most: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most

    def __str__(self) -> str:
        most = "" if math.isinf(self.most) else f" to {self.most:g}"
        return f"from {self.least:g}{most}"


# Of channels, blocks, epochs, …: what is beyond was not meant, and building it would take all
# memory.
MOST = 2**16
Count = Annotated[int, Range(1, MOST)]
Depth = Annotated[int, Range(1, 64)]  # blocks, modules, stacks
DepthOrNone = Annotated[int, Range(0, 64)]
CountOrNone = Annotated[int, Range(0, MOST)]
Share = Annotated[float, Range(0, 1)]
NotNegative = Annotated[float, Range(0)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
