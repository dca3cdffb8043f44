"""Build entry point of aepose-runtime: the package in the folder above, and its decode core."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path("..")
sys.path.insert(0, str(ROOT / "csrc"))

from build_core import BuildOptionalCore, core  # noqa: E402

version = re.search(r'__version__ = "(.+)"', (ROOT / "aepose/version.py").read_text())
setup(
    version=version[1],
    package_dir={"": str(ROOT)},
    # All of it: what needs PyTorch says so.
    packages=find_packages(str(ROOT), include=["aepose", "aepose.*"]),
    cmdclass={"build_ext": BuildOptionalCore},
    ext_modules=core(ROOT),
)
