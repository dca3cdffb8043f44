"""``aepose identities``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import Whole


@command(example="aepose identities walk_poses.jsonl --swap 0 2 --from 480",
         interrupted="the file is as it was")
def identities(
    results: Annotated[str, Parameter(help="results of a film, JSON lines")], /, *,
    swap: Annotated[tuple[Whole, Whole], Parameter(
        metavar="A B", help="two identities that change places")],
    from_: Annotated[Whole, Parameter(
        name="--from", metavar="FRAME", help="from that frame on, to the end")] = 0,
    out: Annotated[str | None, Parameter(
        metavar="FILE", help="file to write (default: in the place of the one that is read)")
    ] = None,
) -> None:
    """Mend a mistake of following: two people of a film change places from a frame on."""
    from aepose.film.identities import swap_identities

    rows = swap_identities(results, *swap, from_, out)
    print(f"{rows} rows changed: {out or results}")
