"""Build entry point; the metadata is in pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = Path("configs")


class BuildWithConfigs(build_py):
    """Copies ``configs/`` into the built package, where an installed aepose finds them by name."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # such an installation finds the folder itself
            return
        for path in self._configs():
            target = Path(self.build_lib) / "aepose" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def get_source_files(self) -> list[str]:
        """Return what a source distribution needs; a wheel can be built from that alone."""
        return [*super().get_source_files(), *map(str, self._configs())]

    def _configs(self) -> list[Path]:
        return sorted(CONFIGS.rglob("*.py"))


setup(cmdclass={"build_py": BuildWithConfigs})
