#!/usr/bin/env python3
"""Measure published models again: ``python tools/reproduce.py --rows 'higherhrnet_w32_coco*'``.

Each row's checkpoint is found or downloaded and tested at its published scales. The tables in the
output folder are up to date after every test. Started again, it goes on where it was stopped.

Exit status: 0 if every measured row agrees with the published one; 1 if one differs or failed;
2 if none could be measured. Of rows with expected numbers a difference is only told.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import aepose.startup  # noqa: F401  before what takes long
from aepose.cli import add_options_argument, positive, run_tool
from aepose.errors import ConfigError
from aepose.files import make_folder
from aepose.release.reproduce import SCALES, Options, Outcome, reproduce, rows_of_file, zoo_rows
from aepose.release.reproduce_tables import markdown, write_measured, write_tables
from aepose.zoo.index import INDEX


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="*", metavar="PATTERN",
                        help="such as '*_udp', a part of the name, or the name of one (default: "
                        "all)")
    parser.add_argument("--zoo", type=Path, metavar="JSON",
                        help="rows of one's own instead of the zoo's, see docs/reproducing.md")
    parser.add_argument("--data-root", type=Path, default=Path("data"), metavar="DIR",
                        help="folder that holds coco/, crowdpose/, … (default: data)")
    parser.add_argument("--checkpoints", type=Path, metavar="DIR",
                        help="folder to look for checkpoints in before downloading")
    parser.add_argument("--scales", choices=SCALES, nargs="+", default=SCALES,
                        help="which tests (default: both, where published)")
    parser.add_argument("--limit", type=positive, metavar="N",
                        help="test N pictures only: shows that everything works, not the numbers")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/reproduce"), metavar="DIR",
                        help="folder of tables and results (default: %(default)s)")
    parser.add_argument("--write", action="store_true",
                        help="write what was measured into the index of the zoo")
    add_options_argument(parser)
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments, measure, and leave with the exit status."""
    options = parse(args)
    if options.write and (options.zoo or options.limit):
        raise ConfigError("--write is for whole tests of the zoo: leave out --zoo and --limit")
    rows = rows_of_file(options.zoo, options.rows) if options.zoo else zoo_rows(options.rows)
    out = make_folder(options.out)

    def report(outcomes: list[Outcome]) -> None:
        write_tables(outcomes, out)
        last = outcomes[-1]
        ap = f", AP {last.measured['AP']:.3f}" if "AP" in last.measured else ""
        print(f"{last.row.name}, {last.scales}: {last.status}{ap} {last.message}", flush=True)

    outcomes = reproduce(rows, Options(out, options.data_root, options.checkpoints, options.limit,
                                       options.cfg_options), options.scales, report)
    print("\n" + markdown(outcomes))
    if options.write:
        print(f"{write_measured(outcomes, INDEX)} tests written to {INDEX}")
    sys.exit(exit_status(outcomes))


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """Return what the module's text says."""
    kinds = {outcome.status for outcome in outcomes}
    if kinds & {"differs", "failed"}:
        return 1
    return 0 if kinds & {"agrees", "outside", "part"} else 2


if __name__ == "__main__":
    run_tool(main, interrupted="tests that were finished are not run again next time")
