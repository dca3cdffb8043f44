"""Build entry point; the metadata is in pyproject.toml."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, "csrc")  # a build frontend leaves out the folder of this file

from build_core import BuildOptionalCore, core

CONFIGS = Path("configs")


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


setup(
    cmdclass={"build_py": BuildWithConfigs, "build_ext": BuildOptionalCore},
    ext_modules=core(Path()),
)
