"""Runs the tests where numbers or versions could differ: ``make matrix``, see docs/testing.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nox

# Pythons that are not here are left out, and named at the end.
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "venv"
nox.options.stop_on_first_error = False

OLDEST, *NEWER = "3.11", "3.12", "3.13", "3.14"
# All that is fast, and those slow tests that compare numbers.
TESTS = ("-q", "-m", "not slow and not hostile or numbers", "-p", "no:cacheprovider")
# What oneDNN may use of the processor; None: all of it.
INSTRUCTION_SETS = ("AVX2", "AVX512_CORE", None)


def lowest_versions() -> Iterator[str]:
    """Yield the lowest version that requirements.txt admits, of each package."""
    for line in Path("requirements.txt").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([\w-]+)>=([\w.]+)", line):
            name, version = found.groups()
            yield f"{name}=={version}" if version.count(".") > 1 else f"{name}=={version}.*"


@nox.session(venv_backend="none")
@nox.parametrize("threads", [1, 2])
@nox.parametrize("isa", INSTRUCTION_SETS)
def numbers(session: nox.Session, isa: str | None, threads: int) -> None:
    """In the environment of ``make setup``, with other convolution kernels and sums."""
    limit = {"ONEDNN_MAX_CPU_ISA": isa} if isa else {}
    session.run(sys.executable, "-m", "pytest", *TESTS, *session.posargs,
                env={"OMP_NUM_THREADS": str(threads), **limit})


@nox.session(python=OLDEST)
def oldest(session: nox.Session) -> None:
    """With the lowest versions of all packages."""
    session.install("torchvision==0.21.*", *lowest_versions())
    session.install("--editable", ".[test]", *lowest_versions())
    session.run("python", "-m", "pytest", *TESTS, *session.posargs)


@nox.session(python=NEWER)
def newest(session: nox.Session) -> None:
    """With the newest versions, on other Pythons than that of ``make setup``."""
    session.install("--editable", ".[test]")
    session.run("python", "-m", "pytest", *TESTS, *session.posargs)
