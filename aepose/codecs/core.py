"""The compiled decode core, where there is one.

``aepose._core`` (C++, in ``csrc/``) does what :mod:`aepose.codecs.peaks`,
:mod:`aepose.codecs.matching` and the search in :mod:`aepose.codecs.refine` do, with the same
results to the last bit. It is built at installation if there is a compiler; without it the Python
code serves. Set the environment variable AEPOSE_NO_CORE=1 to do without it on purpose.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from types import ModuleType

INTERFACE = 1  # what this code expects ``aepose._core`` to understand
NO_CORE = "AEPOSE_NO_CORE"


def core() -> ModuleType | None:
    """Return the compiled core, or None where Python serves; the first time it says why."""
    if _asked_not_to():
        return None
    module, why = _load()
    if module is None:
        _warn_once(why)
    return module


def build_info() -> dict[str, str | None]:
    """Tell how people are decoded.

    decoding: 'compiled' or 'python'; compiler: what built the core, or None; reason: why it is not
    used, or None
    """
    module, why = _load()
    if _asked_not_to():
        module, why = None, f"the environment variable {NO_CORE} is set"
    return {
        "decoding": "python" if module is None else "compiled",
        "compiler": None if module is None else module.COMPILER,
        "reason": why,
    }


def _asked_not_to() -> bool:
    return os.environ.get(NO_CORE, "0") not in ("", "0")


@cache
def _load() -> tuple[ModuleType | None, str | None]:
    """Return the module, or None and why there is none."""
    try:
        from aepose import _core
    except ImportError as error:
        return None, f"the compiled core is not there ({error})"
    if _core.INTERFACE != INTERFACE:
        return None, (f"the compiled core is of another version ({_core.INTERFACE}, expected "
                      f"{INTERFACE})")
    return _core, None


@cache
def _warn_once(why: str) -> None:
    warnings.warn(f"aepose decodes in Python, slower, with the same results: {why}. Install a "
                  f"C++17 compiler and aepose again, or set {NO_CORE}=1 to see this no more.",
                  stacklevel=3)
