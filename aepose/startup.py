"""Imported first by the tools: Ctrl-C while the rest is imported ends them in one line.

That takes seconds, and :func:`aepose.cli.run_tool` is not there yet.
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
