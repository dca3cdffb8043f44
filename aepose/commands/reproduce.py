"""``aepose reproduce``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import CfgOptions, Positive
from aepose.errors import UsageError
from aepose.zoo.index import INDEX, Scales

if TYPE_CHECKING:
    from aepose.release.reproduce import Outcome


@command(example="aepose reproduce --rows 'higherhrnet_w32_coco*' --data-root data",
         interrupted="tests that were finished are not run again next time")
def reproduce(
    *,
    rows: Annotated[str, Parameter(
        metavar="PATTERN",
        help="such as '*_udp', a part of the name, or the name of one")] = "*",
    zoo: Annotated[Path | None, Parameter(
        metavar="JSON",
        help="rows of one's own instead of the zoo's, see docs/reproducing.md")] = None,
    data_root: Annotated[Path, Parameter(
        metavar="DIR", help="folder that holds coco/, crowdpose/, …")] = Path("data"),
    checkpoints: Annotated[Path | None, Parameter(
        metavar="DIR", help="folder to look for checkpoints in before downloading")] = None,
    scales: Annotated[list[Scales] | None, Parameter(
        consume_multiple=1, help="which tests (default: both, where published)")] = None,
    limit: Annotated[Positive | None, Parameter(
        help="test N pictures only: shows that everything works, not the numbers")] = None,
    out: Annotated[Path, Parameter(
        metavar="DIR", help="folder of tables and results")] = Path("work_dirs/reproduce"),
    write: Annotated[bool, Parameter(
        help="write what was measured into the index of the zoo")] = False,
    cfg_options: CfgOptions = None,
) -> int:
    """Measure published models again.

    Each row's checkpoint is found or downloaded and tested at its published scales. The tables in
    the output folder are up to date after every test. Started again, it goes on where it was
    stopped.

    Exit status: 0 if every measured row agrees with the published one; 1 if one differs or failed;
    2 if none could be measured. Of rows with expected numbers a difference is only told.
    """
    if write and (zoo or limit):
        raise UsageError("--write is for whole tests of the zoo: leave out --zoo and --limit")

    from aepose.files import make_folder
    from aepose.release.reproduce import SCALES, Options, rows_of_file, zoo_rows
    from aepose.release.reproduce import reproduce as measure
    from aepose.release.reproduce_tables import markdown, write_measured, write_tables

    chosen = rows_of_file(zoo, rows) if zoo else zoo_rows(rows)
    folder = make_folder(out)

    def report(outcomes: list[Outcome]) -> None:
        write_tables(outcomes, folder)
        last = outcomes[-1]
        ap = f", AP {last.measured['AP']:.3f}" if "AP" in last.measured else ""
        print(f"{last.row.name}, {last.scales}: {last.status}{ap} {last.message}", flush=True)

    outcomes = measure(chosen, Options(folder, data_root, checkpoints, limit, cfg_options or ()),
                       scales or SCALES, report)
    print("\n" + markdown(outcomes))
    if write:
        print(f"{write_measured(outcomes, INDEX)} tests written to {INDEX}")
    return exit_status(outcomes)


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """Return what the command's help says."""
    kinds = {outcome.status for outcome in outcomes}
    if kinds & {"differs", "failed"}:
        return 1
    return 0 if kinds & {"agrees", "outside", "part"} else 2
