"""A command as a process: errors, warnings, Ctrl-C and broken pipes end it in plain words."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

from aepose.errors import AeposeError, AeposeWarning, not_installed


def run(work: Callable[[], int | None]) -> None:
    """Do the work of a command, and leave with its exit status if that is not 0.

    An error of its input becomes one message and exit status 2, a warning one line, Ctrl-C exit
    status 130 and what the KeyboardInterrupt says of the output. Of several processes each tells
    its error, with its number from the second on.
    """
    rank = os.environ.get("RANK", "0")
    _show_own_warnings_plainly()
    sys.stdout.reconfigure(errors="backslashreplace")  # a file's name can be any bytes
    try:
        status = work()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(128 + signal.SIGPIPE)
    except AeposeError as error:
        # One raised in a data-loader worker arrives with the worker's traceback in front.
        text = str(error).rsplit(f"{type(error).__name__}: ", 1)[-1].strip()
        print(f"error{'' if rank == '0' else f' in process {rank}'}: {text}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if importlib.util.find_spec("torch") is not None:
            raise
        print(f"error: {not_installed('this command', error.name)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        if rank == "0":
            print(f"\nstopped; {stop or 'nothing was done'}", file=sys.stderr)
        sys.exit(130)
    if status:
        sys.exit(status)
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
