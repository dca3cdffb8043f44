"""Whether this machine and its packages can train: versions, GPU, compiled core, disk."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import torch

from aepose.analysis.findings import Finding
from aepose.codecs.core import build_info, describe
from aepose.errors import CheckpointError
from aepose.tables import counted
from aepose.version import __version__
from aepose.zoo.hub import checkpoint_folder

# The newest versions that all tests have run with; the oldest are those of requirements.txt.
NEWEST_TESTED = {
    "python": "3.11", "torch": "2.14", "mmengine": "0.11", "mmcv-lite": "2.2", "numpy": "2.4",
    "munkres": "1.1", "opencv-python": "4.14", "hotcoco": "1.3", "pycocotools": "2.0",
    "json_tricks": "3.17", "pillow": "13.0", "matplotlib": "3.11", "rich": "15.0",
    "safetensors": "0.8", "tensorboard": "2.21", "cyclopts": "5.5", "av": "18.1",
}
_LEAST_DISK = 5e9  # bytes: some checkpoints of a large network
_LEAST_SHARED_MEMORY = 1e9  # bytes


def check_environment() -> list[Finding]:
    """Return what was found of versions, GPU, compiled core, downloaded files, memory and disk."""
    return [*_versions(), *_device(), _core(), _cache(), *_shared_memory(), _disk()]


def _versions() -> list[Finding]:
    found, told = [], [f"aepose {__version__}", f"Python {platform.python_version()}"]
    found += _compare("Python", platform.python_version(), "3.11", NEWEST_TESTED["python"])
    try:
        needed = requires("aepose") or []
    except PackageNotFoundError:
        return [Finding("note", f"{', '.join(told)}; aepose is not installed, so which versions it "
                        "needs is not known", "pip install --editable . in the checkout")]
    for text in needed:
        match = re.match(r"([\w.-]+)(?:.*?>=\s*([\w.]+))?", text)
        if match is None or "extra ==" in text:
            continue
        name, least = match.groups()
        try:
            here = version(name)
        except PackageNotFoundError:
            found.append(Finding("error", f"{name} is not installed", f"pip install '{text}'"))
            continue
        told.append(f"{name} {here}")
        found += _compare(name, here, least or "0", NEWEST_TESTED.get(name, "0"))
    outside = "" if found else ": all of them tested"
    return [Finding("ok", f"{', '.join(told)}{outside}"), *found]


def _compare(name: str, here: str, least: str, newest: str) -> list[Finding]:
    if _numbers(least, 3) > _numbers(here, 3):
        return [Finding("error", f"{name} {here} is older than {least}",
                        f"pip install '{name}>={least}'" if name != "Python" else
                        f"make setup PYTHON=python{least}")]
    if _numbers(here, 2) > _numbers(newest, 2):
        return [Finding("note", f"{name} {here} is newer than what is tested ({least} to {newest})",
                        "if something breaks, take an older one, and tell us")]
    return []


def _numbers(text: str, count: int) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:count]))


def _device() -> list[Finding]:
    if torch.cuda.is_available():
        return [_gpu(number) for number in range(torch.cuda.device_count())]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    slow = f"no GPU that PyTorch can use; training would run on {cores} CPU cores"
    if shutil.which("nvidia-smi") is None and not Path("/dev/nvidia0").exists():
        return [Finding("note", f"{slow}, which suits the toy networks only")]
    why = ("this PyTorch was built without CUDA" if torch.version.cuda is None else
           f"this PyTorch needs a driver for CUDA {torch.version.cuda}")
    return [Finding("warning", f"{slow}, although there is an NVIDIA driver: {why}",
                    "install PyTorch as pytorch.org says for the driver that nvidia-smi names")]


def _gpu(number: int) -> Finding:
    free, total = torch.cuda.mem_get_info(number)
    half = "bfloat16" if torch.cuda.is_bf16_supported() else "float16 alone"
    text = (f"GPU {number}: {torch.cuda.get_device_name(number)}, {free / 2**30:.0f} of "
            f"{total / 2**30:.0f} GiB free, --amp in {half}, CUDA {torch.version.cuda}")
    if free < total / 2:
        return Finding("warning", text, "another process uses it: nvidia-smi names it")
    return Finding("ok", text)


def _core() -> Finding:
    return Finding("ok" if build_info()["decoding"] == "compiled" else "warning", describe())


def _cache() -> Finding:
    try:
        folder = checkpoint_folder()
    except CheckpointError as error:
        return Finding("warning", str(error))
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    size = sum(path.stat().st_size for path in files)
    mirror = os.environ.get("AEPOSE_MIRROR")
    return Finding("ok", f"downloaded weights are kept in {folder}: "
                   f"{counted(len(files), 'file')}, {size / 1e9:.1f} GB"
                   + (f"; asked first: {mirror}" if mirror else ""))


def _shared_memory() -> list[Finding]:
    """Data workers hand their batches over there; containers often have 64 MB."""
    place = Path("/dev/shm")
    if not sys.platform.startswith("linux") or not place.is_dir():
        return []
    free = shutil.disk_usage(place).free
    if free >= _LEAST_SHARED_MEMORY:
        return []
    return [Finding("warning", f"{place}, through which data workers hand over batches, has "
                    f"{free / 1e6:.0f} MB free", "docker run --shm-size=8g; or train with "
                    "--cfg-options train_dataloader.num_workers=0")]


def _disk() -> Finding:
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    text = f"{free / 1e9:.1f} GB free in {here}"
    if not os.access(here, os.W_OK):
        return Finding("warning", f"{here} cannot be written to", "give --work-dir")
    if free < _LEAST_DISK:
        return Finding("warning", text, "a training keeps five checkpoints, each three times the "
                       "network's size; give --work-dir on another disk")
    return Finding("ok", text)
