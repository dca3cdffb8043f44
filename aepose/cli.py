"""Shared parts of the command-line tools."""

from __future__ import annotations

import argparse
import logging
import math
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from aepose.errors import AeposeError, AeposeWarning

_CHECKPOINTS_ARE_WHOLE = ("checkpoints already written are whole "
                          "(train.py --resume goes on from the last one)")

AMP_TYPES = {"bf16": "bfloat16", "fp16": "float16"}
"""What ``--amp`` takes -> ``model.backbone_dtype`` in training, ``test_time.dtype`` in tests."""


def add_options_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options`` to a tool."""
    parser.add_argument(
        "--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
        help="change the config, such as model.backbone.width=48 data_root=/data/coco",
    )


def add_test_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that tools which test have in common."""
    parser.add_argument("--multi-scale", action="store_true",
                        help="test at the scales test_time.multi_scales of the config")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="pictures of one size "
                        "that go through the network together (default: the config's, 1)")
    parser.add_argument("--amp", nargs="?", const="bf16", choices=sorted(AMP_TYPES),
                        help="run the network in bfloat16 (the default of --amp) or float16, "
                        "not in float32: faster, and the metrics change a little")


def positive(text: str) -> int:
    """Read a number from 1 of the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def seed(text: str) -> int:
    """Read a seed of the command line."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 4294967295")
    return int(text)


def finite(text: str) -> float:
    """Read a number of the command line."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return number


def config_options(options: argparse.Namespace) -> list[str]:
    """Return the config options that a tool which tests was given, ``--amp`` among them."""
    amp = [f"test_time.dtype={AMP_TYPES[options.amp]}"] if options.amp else []
    return [*options.cfg_options, *amp]


def run_tool(
    main: Callable[[Sequence[str] | None], None], interrupted: str = _CHECKPOINTS_ARE_WHOLE
) -> None:
    """Run a tool: an error of its input becomes one message and exit status 2, a warning one line.

    interrupted: what to say of the output when the user stops the tool

    Of several processes each tells its error, with its number from the second on.
    """
    rank = os.environ.get("RANK", "0")
    _show_own_warnings_plainly()
    try:
        main(None)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(128 + signal.SIGPIPE)
    except AeposeError as error:
        # One raised in a data-loader worker arrives with the worker's traceback in front.
        text = str(error).rsplit(f"{type(error).__name__}: ", 1)[-1].strip()
        print(f"error{'' if rank == '0' else f' in process {rank}'}: {text}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        if rank == "0":
            print(f"\nstopped; {interrupted}", file=sys.stderr)
        sys.exit(130)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        _leave()


def _show_own_warnings_plainly() -> None:
    """Print warnings of aepose without the place in the code; others stay as they are."""
    show = warnings.showwarning

    def show_plainly(message: Warning | str, category: type[Warning], *place: Any) -> None:
        if issubclass(category, AeposeWarning):
            print(f"warning: {message}", file=sys.stderr)
        else:
            show(message, category, *place)

    warnings.showwarning = show_plainly


def _leave() -> None:
    """End one of torchrun's processes, whose work is done, without taking PyTorch apart.

    A thread of its process group that is still there then would abort the process ("terminate
    called without an active exception"), and torchrun would call the whole run a failure.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
