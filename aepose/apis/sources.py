"""Sources of pictures: files, folders, films, cameras, arrays, and whatever gives these."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from aepose.arrays import is_tensor
from aepose.errors import DataError, ImageError, not_installed
from aepose.images import decode_image, list_images, read_image

if TYPE_CHECKING:
    from aepose.film.video import Film, Frame

_FILM_SUFFIXES = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv",
                  ".mts", ".m2ts", ".3gp", ".ogv"}
_EXPECTED = ("a picture is a path, bytes, a file object, a PIL image, an array (H, W, 3) uint8 RGB "
             "or a tensor (3, H, W) uint8 RGB; several are a folder, a glob, a film, the number of "
             "a camera, or anything that gives pictures one after the other")


@dataclass(frozen=True)
class Picture:
    """One picture of a source.

    load: reads it, as (H, W, 3) uint8 RGB; raises DataError
    path: its file, or '' for what is none
    frame, seconds: where it stands in a film
    lasting: whether it can be read from ``path`` again
    """

    load: Callable[[], np.ndarray]
    path: str = ""
    frame: int | None = None
    seconds: float | None = None
    lasting: bool = False


def is_single(source: Any) -> bool:
    """Return whether a source is one picture, not something that gives pictures."""
    if isinstance(source, (str, os.PathLike)):
        return not (_is_folder(source) or is_film(source) or _is_glob(source))
    if isinstance(source, np.ndarray) or is_tensor(source):
        return source.ndim < 4
    return (isinstance(source, (bytes, bytearray, Picture)) or _is_pil(source)
            or hasattr(source, "read"))


def count_pictures(source: Any) -> int | None:
    """Return how many pictures a source gives, or None if that cannot be known before."""
    if is_single(source):
        return 1
    if isinstance(source, (str, os.PathLike)):
        return _film(source).facts.num_frames if is_film(source) else len(_files(source, False))
    return len(source) if hasattr(source, "__len__") else None


def pictures_of(source: Any, bgr: bool = False, recursive: bool = False) -> Iterator[Picture]:
    """Return the pictures of a source, in order.

    bgr: arrays and tensors have their channels in the order blue, green, red, as OpenCV reads
    recursive: enter the folders in folders

    What of an iterable cannot be used becomes a picture whose ``load`` says so; what an iterable
    itself raises is passed on. Raises DataError for a source that is missing, empty, or of a kind
    that is not known.
    """
    if isinstance(source, (str, os.PathLike)):
        if is_film(source):
            return _frames(_film(source), str(source))
        files = [Path(source)] if is_single(source) else _files(source, recursive)
        return (Picture(lambda file=file: read_image(file), str(file), lasting=True)
                for file in files)
    if isinstance(source, int) and not isinstance(source, bool):
        from aepose.film.video import read_camera

        return _frames(read_camera(source), f"camera {source}")
    if isinstance(source, Picture):
        return iter([source])
    if is_single(source):
        name = str(getattr(source, "filename", "") or "")
        return iter([Picture(lambda: to_rgb(source, bgr), name)])
    if isinstance(source, Iterable) and not isinstance(source, dict):
        return _of_each(source, bgr, recursive)
    raise DataError(f"source of type {type(source).__name__}: {_EXPECTED}")


def _film(path: str | os.PathLike) -> Film:
    """Open a film; raises ConfigError where the library is not installed that reads them."""
    try:
        from aepose.film.video import Film
    except ModuleNotFoundError as error:  # beside aepose-runtime; pictures do without it
        raise not_installed(f"film {path}", error.name) from None
    return Film(path)


def _frames(film: Iterable[Frame], name: str) -> Iterator[Picture]:
    """Yield the frames, and where a film breaks off a picture that says so."""
    try:
        for frame in film:
            yield Picture(lambda frame=frame: frame.image, name, frame.number, frame.seconds)
    except DataError as error:
        yield Picture(_raising(error), name)


def _of_each(sources: Iterable[Any], bgr: bool, recursive: bool) -> Iterator[Picture]:
    for source in sources:
        try:
            pictures = pictures_of(source, bgr, recursive)
        except DataError as error:
            pictures = iter([Picture(_raising(error), str(source))])
        yield from pictures


def _raising(error: DataError) -> Callable[[], np.ndarray]:
    def load() -> np.ndarray:
        raise error
    return load


def _files(source: str | os.PathLike, recursive: bool) -> list[Path]:
    """Return the pictures of a folder or a glob."""
    if _is_folder(source):
        return list_images([source], recursive)
    files = sorted(glob.glob(os.fspath(source), recursive=True))
    if not files:
        raise DataError(f"no file is called {source}")
    return [Path(file) for file in files if not os.path.isdir(file)]


def is_film(source: Any) -> bool:
    """Return whether a path is a film's, by its suffix."""
    return isinstance(source, (str, os.PathLike)) and (
        Path(source).suffix.lower() in _FILM_SUFFIXES)


def _is_folder(source: str | os.PathLike) -> bool:
    return os.path.isdir(source)


def _is_glob(source: str | os.PathLike) -> bool:
    return glob.has_magic(os.fspath(source)) and not os.path.exists(source)


def to_rgb(picture: Any, bgr: bool = False) -> np.ndarray:
    """Return one picture as (H, W, 3) uint8 RGB.

    picture: bytes or a file object with a picture file; a PIL image, which is turned upright by its
        EXIF orientation; an array (H, W, 3); a tensor (3, H, W) or (H, W, 3). Of arrays and
        tensors, uint8: grey ones, of one channel or none, get three equal channels, and of four the
        last, alpha, is left out
    bgr: arrays and tensors have their channels in the order blue, green, red

    Raises DataError for everything else.
    """
    if _is_pil(picture):
        from PIL import ImageOps

        try:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        except OSError as error:  # it is decoded only now
            raise ImageError(f"PIL image cannot be decoded: {error}") from None
    if hasattr(picture, "read"):
        picture = picture.read()
    if isinstance(picture, (bytes, bytearray)):
        return decode_image(bytes(picture), "given as bytes")
    if is_tensor(picture):
        picture = picture.detach().cpu()
        if picture.ndim == 3 and picture.shape[0] in (1, 3, 4):
            picture = picture.permute(1, 2, 0)
        picture = picture.numpy()
    if not isinstance(picture, np.ndarray):
        raise DataError(f"picture of type {type(picture).__name__}: {_EXPECTED}")
    return _checked(picture, bgr)


def _is_pil(value: Any) -> bool:
    """Return whether a value is Pillow's picture; where Pillow was never imported there is none."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def _checked(array: np.ndarray, bgr: bool) -> np.ndarray:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.dtype != np.uint8 or (
            not array.size):
        raise DataError(f"picture array is {array.shape} {array.dtype}; give (H, W, 3) uint8, RGB "
                        "(a tensor may be (3, H, W))")
    if channels == 1:
        return cv2.cvtColor(np.ascontiguousarray(array.reshape(array.shape[:2])),
                            cv2.COLOR_GRAY2RGB)
    return np.ascontiguousarray(array[..., 2::-1] if bgr else array[..., :3])
