#!/usr/bin/env python3
"""The model zoo: ``python tools/model_zoo.py list [PATTERN]``, ``fetch PATTERN`` or ``docs``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import aepose.startup  # noqa: F401  before what takes long
from aepose.cli import run_tool
from aepose.errors import ConfigError
from aepose.files import write_text
from aepose.release.zoo_tables import format_list, zoo_page
from aepose.zoo.hub import fetch
from aepose.zoo.index import ModelEntry, list_models

PAGE = Path(__file__).resolve().parents[1] / "docs" / "model_zoo.md"


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and run one command."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("list", help="print the models whose name fits a pattern")
    show.add_argument("pattern", nargs="?", default="*",
                      help="such as '*_udp', or a part of the name (default: all)")
    load = commands.add_parser("fetch", help="download the published checkpoints of models")
    load.add_argument("pattern", help="as for list; '*' makes what a mirror folder needs")
    page = commands.add_parser("docs", help="write the page of the model zoo")
    page.add_argument("--out", type=Path, default=PAGE, help="file to write (default: %(default)s)")
    options = parser.parse_args(args)
    if options.command == "docs":
        write_text(options.out, zoo_page())
        print(f"{options.out}: written")
    elif options.command == "list":
        print(format_list(_choose(options.pattern)))
    else:
        for model in _choose(options.pattern):
            if model.checkpoint:
                print(fetch(model.checkpoint))


def _choose(pattern: str) -> list[ModelEntry]:
    models = list_models(pattern)
    if not models:
        raise ConfigError(f"no model's name fits '{pattern}'; `tools/model_zoo.py list` shows all")
    return models


if __name__ == "__main__":
    run_tool(main, interrupted="a download goes on from there next time")
