"""Errors and warnings that a user can act on.

Everything below :class:`AeposeError` names the file, key or value that is wrong and what to do;
the commands print it, and an :class:`AeposeWarning`, without a traceback (see
:func:`aepose.commands.process.run`).
"""

import difflib
import multiprocessing
import os
import warnings
from collections.abc import Iterable
from functools import cache

# What aepose-runtime does without, and can be installed beside it.
_EXTRAS = "av", "pandas", "pyarrow", "supervision"


class AeposeError(Exception):
    """Base of all errors caused by input: a config, a data set, a checkpoint, a picture."""


class ConfigError(AeposeError):
    """A config file or a ``--cfg-options`` value that cannot be used."""


class UsageError(AeposeError):
    """A command line that cannot be understood."""


class DataError(AeposeError):
    """A picture or an annotation file that cannot be used."""


class CheckpointError(AeposeError):
    """A checkpoint that cannot be read or does not fit the network."""


class ImageError(DataError):
    """A picture that cannot be read, or is not the one that its annotations describe."""


class NumericalError(AeposeError):
    """Losses, gradients or maps that are not finite numbers."""


class OutputError(AeposeError):
    """A file that cannot be written."""


class AeposeWarning(UserWarning):
    """What stops no work, and what a user should know all the same."""


def not_installed(what: str, package: str) -> ConfigError:
    """Return what to say where a package is missing, as beside aepose-runtime.

    what: needs it; package: name of the module
    """
    advice = (f"pip install {package}" if package in _EXTRAS else
              "aepose-runtime runs files of `aepose export` alone (.onnx, .xml); export it where "
              "aepose is installed, or install aepose in its place")
    return ConfigError(f"{what} needs {package}, which is not installed: {advice}")


@cache
def warn_once(message: str) -> None:
    """Warn, the first time that a process has this message.

    Data-loader workers, and of several training processes all but the first, are silent.
    """
    if multiprocessing.parent_process() is None and os.environ.get("RANK", "0") == "0":
        warnings.warn(message, AeposeWarning, stacklevel=2)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name closest to ``name``, or the choices.

    Up to twelve choices are listed when none is close.
    """
    choices = sorted(set(known))
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    shown = ", ".join(choices[:12]) + (", …" if len(choices) > 12 else "")
    return f"; known: {shown}" if choices else ""
