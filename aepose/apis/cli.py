"""What the command-line tools share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from aepose.errors import AeposeError


def add_options_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options`` to a tool."""
    parser.add_argument(
        "--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
        help="change the config, such as model.backbone.width=48 data_root=/data/coco",
    )


def run_tool(main: Callable[[Sequence[str] | None], None]) -> None:
    """Run a tool: an error of its input becomes one message and exit status 2."""
    try:
        main(None)
    except AeposeError as error:
        # One raised in a data-loader worker arrives with the worker's traceback in front.
        text = str(error).rsplit(f"{type(error).__name__}: ", 1)[-1].strip()
        print(f"error: {text}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nstopped; checkpoints already written are whole "
              "(train.py --resume goes on from the last one)", file=sys.stderr)
        sys.exit(130)
