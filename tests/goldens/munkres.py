"""The assignment solver against stored problems (``munkres.npz``)."""

from pathlib import Path

import numpy as np

from aepose.codecs.matching import assign
from tests.goldens.common import Options, Tally, difference


def check(folder: Path, options: Options) -> Tally:
    """Compare the pairs of every stored cost matrix; the difference of a case is 0 or 1."""
    tally = Tally()
    with np.load(folder / "munkres.npz") as arrays:
        for cost_name in (n for n in arrays.files if n.startswith("cost")):
            pairs = assign(arrays[cost_name].astype(np.float64))
            expected = arrays[cost_name.replace("cost", "pairs")]
            wrong = difference(np.array(pairs).reshape(-1, 2), expected.reshape(-1, 2)) != 0
            tally.add(cost_name, float(wrong), tolerance=0)
    return tally
