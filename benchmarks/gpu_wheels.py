"""Fetch the wheels that a GPU machine without a network lacks: ``python benchmarks/gpu_wheels.py``.

Run it where there is a network, in the environment that ``make setup`` made: what aepose and its
tests need is read there, but for what a machine has that was set up for PyTorch.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from common import ROOT

# What is taken for granted, with all that it needs itself; and our own extras, which no test that
# takes a device needs.
PRESENT = {
    "aepose", "torch", "torchvision", "numpy", "pillow", "matplotlib", "tensorboard", "rich",
    "safetensors", "pyyaml", "packaging", "pytest", "pybind11", "setuptools",
}
# The same modules, but without need of a display's libraries.
INSTEAD = {"opencv-python": "opencv-python-headless"}
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 24, 17, 12, 5)]
OLD_PLATFORMS = ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
LARGE = 2**23  # bytes of a wheel that is worth minutes of compression; also in gpu_check.py


def needed(name: str, python: str, extras: tuple[str, ...] = ("",)) -> Iterator[Requirement]:
    """Yield what a package needs that is not taken for granted, and what that needs."""
    for text in requires(name) or ():
        requirement = Requirement(text)
        wanted = requirement.marker is None or any(
            requirement.marker.evaluate({"python_version": python, "extra": extra})
            for extra in extras)
        if wanted and canonicalize_name(requirement.name) not in PRESENT:
            yield requirement
            yield from needed(requirement.name, python)


def fetch(asked: str, python: str, folder: Path) -> None:
    """Put a wheel into ``folder``; of a package that has none for that Python one is built.

    asked: name and versions

    Raises CalledProcessError if there is none, and SystemExit if what was built is not for any
    Python.
    """
    pip = [sys.executable, "-m", "pip", "--quiet"]
    tags = [part for tag in [*PLATFORMS, *OLD_PLATFORMS] for part in ("--platform", tag)]
    found = subprocess.run(
        [*pip, "download", "--no-deps", "--only-binary=:all:", "--implementation", "cp",
         "--python-version", python, *tags, "--dest", folder, asked], stderr=subprocess.PIPE)
    if found.returncode:
        before = set(folder.iterdir())
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, asked], check=True)
        for wheel in set(folder.iterdir()) - before:
            if not wheel.name.endswith("-none-any.whl"):
                sys.exit(f"{asked} has no wheel for Python {python}, and {wheel.name}, which was "
                         "built here, does not suit it")


def compress(wheel: Path) -> None:
    """Pack a wheel tighter than usual; pip reads it all the same."""
    part = wheel.with_suffix(".part")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(part, "w", zipfile.ZIP_LZMA) as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry))
    part.replace(wheel)


def main() -> None:
    """Fetch all and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default="3.12", help="of the GPU machine (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / ".whl", help="default %(default)s")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for wheel in options.out.glob("*.whl"):
        wheel.unlink()
    versions: dict[str, SpecifierSet] = {}
    for requirement in needed("aepose", options.python, ("", "test")):
        name = canonicalize_name(requirement.name)
        versions[name] = versions.get(name, SpecifierSet()) & requirement.specifier
    for name in sorted(versions):
        fetch(f"{INSTEAD.get(name, name)}{versions[name]}", options.python, options.out)
    sizes = {}
    for wheel in sorted(options.out.glob("*.whl")):
        if wheel.stat().st_size > LARGE:
            compress(wheel)
        sizes[wheel.name] = wheel.stat().st_size
        print(f"{sizes[wheel.name] / 2**20:6.1f} MiB  {wheel.name}", flush=True)
    print(f"{sum(sizes.values()) / 2**20:6.1f} MiB in {options.out}")


if __name__ == "__main__":
    main()
