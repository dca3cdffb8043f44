"""Imported first by the commands: Ctrl-C while the rest is imported ends them in one line.

:func:`aepose.commands.process.run` is not there yet.
"""

import sys
from types import TracebackType

_show = sys.excepthook


def _show_plainly(kind: type[BaseException], error: BaseException,
                  trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("\nstopped; nothing was done", file=sys.stderr)
    else:
        _show(kind, error, trace)


sys.excepthook = _show_plainly
