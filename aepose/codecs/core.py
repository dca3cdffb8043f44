"""The compiled decode core, where there is one.

``aepose._core`` (C++, in ``csrc/`` and ``include/``) does what :mod:`aepose.codecs.peaks`,
:mod:`aepose.codecs.matching`, :mod:`aepose.codecs.refine` and :mod:`aepose.codecs.dark` do, with
the same results to the last bit. It is built at installation if there is a compiler; without it the
Python code serves. Set the environment variable AEPOSE_NO_CORE=1 to do without it on purpose.

Two more choose how it works, never what it finds: AEPOSE_CORE_THREADS, how many threads share the
keypoints of a picture (1), and AEPOSE_CORE_INSTRUCTIONS, one of ``aepose._core.INSTRUCTIONS`` (the
best that the processor has).
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from types import ModuleType

from aepose.errors import warn_once

INTERFACE = 3  # what this code expects ``aepose._core`` to understand
NO_CORE = "AEPOSE_NO_CORE"
_MISSING = ("the compiled core is not there; install a C++17 compiler (Debian, Ubuntu: apt install "
            "g++ python3-dev; macOS: xcode-select --install), then aepose again (make setup)")


def core() -> ModuleType | None:
    """Return the compiled core, or None where Python serves; the first time it warns of that."""
    if _asked_not_to():
        return None
    module, _ = _load()
    if module is None:
        warn_once(f"{describe()}; or set {NO_CORE}=1 to see this no more")
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


def describe() -> str:
    """Return in words how people are decoded and, where that is slow, what to do."""
    info = build_info()
    if info["decoding"] == "compiled":
        return f"decoding is compiled ({info['compiler']})"
    return f"decoding runs in Python, slower, with the same results: {info['reason']}"


def _asked_not_to() -> bool:
    return os.environ.get(NO_CORE, "0") not in ("", "0")


@cache
def _load() -> tuple[ModuleType | None, str | None]:
    """Return the module, or None and why there is none."""
    try:
        module = import_module("aepose._core")
    except ModuleNotFoundError:
        return None, _MISSING
    except ImportError as error:
        return None, f"the compiled core cannot be loaded ({error}); install aepose again"
    if module.INTERFACE != INTERFACE:
        return None, (f"the compiled core is of another version ({module.INTERFACE}, expected "
                      f"{INTERFACE}); install aepose again (make setup)")
    return module, None
