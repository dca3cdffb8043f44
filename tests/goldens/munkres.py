"""The assignment solver against stored problems (``munkres.npz``)."""

from pathlib import Path

import numpy as np

from aepose.codecs.assignment import assign
from tests.codecs.paths import missing, on_path
from tests.goldens.common import Options, Tally, difference


def check(folder: Path, options: Options) -> Tally:
    """Compare the pairs of every stored cost matrix, compiled and not; the difference is 0 or 1."""
    tally = Tally()
    with np.load(folder / "munkres.npz") as stored:
        arrays = dict(stored)
    for path in ("compiled", "numpy"):
        for cost_name in (n for n in arrays if n.startswith("cost")):
            name, why = f"{cost_name}.{path}", missing(path)
            if why:
                tally.skip(name, why)
                continue
            with on_path(path):
                pairs = assign(arrays[cost_name].astype(np.float64))
            expected = arrays[cost_name.replace("cost", "pairs")]
            wrong = difference(np.array(pairs).reshape(-1, 2), expected.reshape(-1, 2)) != 0
            tally.add(name, float(wrong), tolerance=0)
    return tally
