"""Find models and weights by name: here, on a mirror, or by download.

AEPOSE_HOME    folder that keeps what was downloaded, in ``checkpoints`` (``~/.cache/aepose``)
AEPOSE_MIRROR  folder, or base URL, to look for published files before their own address
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from aepose.errors import CheckpointError, nearest
from aepose.zoo.download import NotOnServerError, check_file, download, hash_in_name
from aepose.zoo.index import (
    backbones,
    file_name,
    find_model,
    list_models,
    published_files,
)

__all__ = [
    "TOY_CHECKPOINT",
    "checkpoint_folder",
    "fetch",
    "find_checkpoint",
    "list_models",
    "pretrained_path",
    "published_checkpoint",
]

# The network for drawn people, which comes with the package; called as its config is.
TOY_CHECKPOINT = Path(__file__).parents[1] / "assets" / "hrnet_w16_toy_256x256.safetensors"


def checkpoint_folder() -> Path:
    """Return the folder that keeps downloaded files."""
    home = os.environ.get("AEPOSE_HOME") or "~/.cache/aepose"
    return _folder("AEPOSE_HOME", home) / "checkpoints"


def _folder(variable: str, name: str) -> Path:
    """Return the folder that an environment variable names; raises CheckpointError if none can."""
    try:
        folder = Path(name).expanduser()
        folder.exists()
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{variable} = {name!r} names no folder "
                              f"({getattr(error, 'strerror', None) or error}); set {variable} to "
                              "one") from None
    return folder


def fetch(file: str) -> Path:
    """Return a local copy of a file: one kept earlier, of the mirror, or downloaded now.

    file: the name of a published file (of a checkpoint or of a backbone), or any http(s) URL.
        The SHA-256 is checked wherever the name promises one.

    Raises CheckpointError for an unknown name and for everything that can go wrong on the way;
    it says where the file can be put by hand.
    """
    if _is_url(file):
        url, name = file, file_name(file)
        if not name:
            raise CheckpointError(f"{url} does not name a file")
    else:
        files, name = published_files(), file
        if name not in files:
            raise CheckpointError(f"there is no published file '{name}'" + nearest(name, files))
        url = files[name]
    target = place_of(url)
    if os.path.isfile(target):
        check_file(target)
        return target
    if hash_in_name(name) is None:  # a mirror cannot be held to its content
        return download(url, target)
    return _from_mirror(name, url, target)


def place_of(url: str) -> Path:
    """Return where a file is kept once it was downloaded."""
    name = file_name(url)
    if hash_in_name(name):
        return checkpoint_folder() / name
    # Such names (best.pth) are not unique.
    return checkpoint_folder() / hashlib.sha256(url.encode()).hexdigest()[:8] / name


def published_checkpoint(name: str) -> Path:
    """Return the weights of a model of the zoo, or of the toy network, as a local file.

    Raises ConfigError for an unknown name, and CheckpointError if none was published or it cannot
    be had.
    """
    if name == TOY_CHECKPOINT.stem:
        return TOY_CHECKPOINT
    model = find_model(name)
    if model.checkpoint is None:
        raise CheckpointError(f"nobody published weights for {name}; train it with "
                              f"`aepose train {model.name}`, or give a checkpoint")
    return fetch(model.checkpoint)


def find_checkpoint(checkpoint: str | Path) -> Path:
    """Return the local file that a user's ``checkpoint`` means: a file, URL or published file.

    By its name there is the toy network's, too.
    """
    text = str(checkpoint)
    if _is_url(text):
        return fetch(text)
    path = Path(checkpoint)
    if os.path.exists(path):
        return path
    if text == TOY_CHECKPOINT.name:
        return TOY_CHECKPOINT
    return fetch(text) if text in published_files() else path


def pretrained_path(name: str) -> Path:
    """Return a local file of ImageNet weights for ``model.pretrained``.

    name: such as 'hrnet_w32' or 'resnet50', a file, or a URL

    Raises CheckpointError that says which file is missing, where it comes from, where to put it,
    and how to train without it.
    """
    known = backbones()
    path = Path(name)
    try:
        if name in known or _is_url(name):
            return fetch(file_name(known[name]) if name in known else name)
        if os.path.isfile(path):
            return path
        raise CheckpointError(f"model.pretrained = {name!r} is neither a file, nor a URL, nor a "
                              "known backbone" + nearest(name, known))
    except CheckpointError as error:
        raise CheckpointError(f"{error} To train from scratch: "
                              "--cfg-options model.pretrained=None") from None


def _from_mirror(name: str, url: str, target: Path) -> Path:
    """Return a published file that is not kept yet."""
    mirror = os.environ.get("AEPOSE_MIRROR")
    if not mirror:
        return download(url, target)
    if _is_url(mirror):
        try:
            return download(f"{mirror.rstrip('/')}/{name}", target)
        except NotOnServerError:
            pass
    else:
        folder = _folder("AEPOSE_MIRROR", mirror)
        if not folder.is_dir():
            raise CheckpointError(f"AEPOSE_MIRROR = {mirror!r} is neither a folder nor an http(s) "
                                  "URL")
        if (folder / name).is_file():
            check_file(folder / name)
            return folder / name
    try:
        return download(url, target)
    except CheckpointError as error:
        raise CheckpointError(f"{error} AEPOSE_MIRROR = {mirror!r} does not have it either."
                              ) from None


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))
