"""Build entry point; the metadata is in pyproject.toml."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

CONFIGS = Path("configs")
CORE, HEADERS = Path("csrc"), Path("include")
# No contraction of a * b + c: the core must round as NumPy does. errno only stands in the way of a
# vectorised square root.
FLAGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno",
         "-fvisibility=hidden", "-g0", "-pthread"]


class BuildWithConfigs(build_py):
    """Copies ``configs/`` into the built package, where an installed aepose finds them by name."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # such an installation finds the folder itself
            return
        for path in (p for suffix in (".py", ".json") for p in CONFIGS.rglob(f"*{suffix}")):
            target = Path(self.build_lib) / "aepose" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


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


def core() -> list[Extension]:
    """Return the decode core, or nothing where pybind11 is missing."""
    try:
        import pybind11
    except ImportError:
        print("aepose: no pybind11, so the decode core is not built", file=sys.stderr)
        return []
    return [Extension(
        "aepose._core", [str(CORE / "core.cpp")], language="c++", optional=True,
        include_dirs=[pybind11.get_include(), str(HEADERS)],
        depends=sorted(map(str, HEADERS.rglob("*.hpp"))),
    )]


setup(
    cmdclass={"build_py": BuildWithConfigs, "build_ext": BuildOptionalCore},
    ext_modules=core(),
)
