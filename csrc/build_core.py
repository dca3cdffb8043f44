"""Building the decode core, for the setup.py of both distributions."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import Extension
from setuptools.command.build_ext import build_ext

# No contraction of a * b + c: the core must round as NumPy does. errno only stands in the way of a
# vectorised square root.
FLAGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno",
         "-fvisibility=hidden", "-g0", "-pthread"]


class BuildOptionalCore(build_ext):
    """Builds the decode core with the compiler's flags; aepose works without it, only slower."""

    def build_extensions(self) -> None:
        for extension in self.extensions:
            extension.extra_compile_args = FLAGS
            extension.extra_link_args = ["-pthread"]
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except Exception as error:
            # Whatever went wrong, from a missing compiler to a full disk, concerns the core alone.
            print(f"aepose: the decode core was not built ({error}). Decoding will run in Python, "
                  "slower, with the same results; it needs a C++17 compiler.", file=sys.stderr)


def core(root: Path) -> list[Extension]:
    """Return the decode core, or nothing where pybind11 is missing.

    root: of the project, from the folder of the setup.py
    """
    try:
        import pybind11
    except ImportError:
        print("aepose: no pybind11, so the decode core is not built", file=sys.stderr)
        return []
    headers = root / "include"
    return [Extension(
        "aepose._core", [str(root / "csrc/core.cpp")], language="c++", optional=True,
        include_dirs=[pybind11.get_include(), str(headers)],
        depends=sorted(map(str, headers.rglob("*.hpp"))),
    )]
