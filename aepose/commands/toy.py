"""``aepose toy``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import Seed, Whole


@command(example="aepose toy --out data/toy --train 200 --val 50",
         interrupted="the set is not complete; the same command makes it anew")
def toy(
    *,
    out: Annotated[str, Parameter(metavar="DIR", help="folder to write")] = "data/toy",
    train: Annotated[Whole, Parameter(help="training pictures")] = 4000,
    val: Annotated[Whole, Parameter(help="validation pictures")] = 400,
    seed: Annotated[Seed, Parameter(help="another one draws other pictures")] = 0,
    hard: Annotated[bool, Parameter(
        help="more, smaller and more strongly overlapping figures")] = False,
    creature: Annotated[list[str] | None, Parameter(
        metavar="NAME|FILE", negative="", help="draw creatures instead of people: beetle, hand, or "
        "a description of one's own (.json); several times for several in a picture, each a "
        "category")] = None,
) -> None:
    """Draw a toy data set: pictures of toy people, or of creatures, in COCO's layout."""
    from aepose.progress import progress_bar
    from aepose.toy import make_toy_dataset

    with progress_bar("drawing", train + val) as show:
        folder = make_toy_dataset(out, train, val, seed=seed, hard=hard,
                                  progress=lambda done, total: show(done),
                                  creatures=creature or ())
    print(f"{folder}: {train} training and {val} validation pictures")
