"""Where the pictures and films of labels are: found, measured, and written as files."""

from __future__ import annotations

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aepose.drawing import write_image
from aepose.errors import DataError, ImageError
from aepose.files import free_name, make_folder
from aepose.film.video import Film
from aepose.labels.content import FilmFrame, Labels
from aepose.labels.report import Report
from aepose.results.formats import needed

_ORIENTATION, _LYING = 0x0112, 5  # EXIF: from 5 on, width and height change places
_SHOWN = 3  # names in a message
_TRIED = 20  # pictures that are looked for, of those that a file names


def likely_folders(path: Path, images: Sequence[dict[str, Any]]) -> list[Path]:
    """Return the folder that the pictures of an annotation file lie in, looked for near the file.

    images: its entries

    It is the file's own folder, the one above, or one in these, that has the most of some of the
    pictures; of several that have as many, the file's own, or those whose names are part of its
    name. None is returned where none has any, and several where that does not tell.
    """
    own = path.absolute().parent
    near = [folder for root in (own, own.parent) for folder in
            (root, *sorted(f for f in root.iterdir() if f.is_dir()))]
    names = [image["file_name"] for image in images[::max(1, len(images) // _TRIED)]]
    counts = {folder: sum(os.path.isfile(folder / name) for name in names)
              for folder in dict.fromkeys(near)}
    most = max(counts.values())
    best = [folder for folder, count in counts.items() if count == most] if most else []
    if own in best:
        return [own]
    return [folder for folder in best if folder.name in path.stem] or best


class PictureFinder:
    """Finds the pictures and films that a label file names, also where they were moved.

    source: the label file, or the folder of a project
    images: a folder to look in, or a film; without it they are looked for beside the source and in
        the two folders above

    What is not where the name says is looked for by the end of its path, the longest first, and
    counted in the report.
    """

    def __init__(self, source: Path, images: Path | None, report: Report) -> None:
        base = source if source.is_dir() else source.absolute().parent
        self._source, self._report = source, report
        self._film = images if images and images.is_file() else None
        if images and not images.exists():
            raise DataError(f"--images {images}: no such folder or film")
        self._roots = [images] if images and not self._film else [
            base, base.parent, base.parent.parent]
        self._taken: dict[Path, str] = {}
        self._films: dict[str, Path] = {}
        self.missing: list[str] = []

    def find(self, name: str, other: str = "") -> Path | None:
        """Return the path of a picture, or None and remember it as missing.

        other: what else it may be called, before only the end of its path is looked for
        """
        path, moved = self._look(name)
        if other and (path is None or moved) and (found := self._look(other))[0]:
            path, moved = found[0], True
        if path is None:
            self.missing.append(name)
            return None
        if self._taken.setdefault(path, name) != name:
            raise DataError(f"{self._source}: {self._taken[path]} and {name} would both be {path}; "
                            "give the folder of the pictures with --images")
        if moved:
            self._report.add("changed", "pictures found elsewhere, by the end of their path",
                             first=f"{name}: {path}")
        return path

    def check(self) -> None:
        """Raise DataError that names the pictures which were not found, if there are any."""
        if self.missing:
            shown = ", ".join(self.missing[:_SHOWN]) + (", …" if len(self.missing) > _SHOWN else "")
            raise DataError(f"{self._source}: {len(self.missing)} of its pictures are not there "
                            f"({shown}); give their folder with --images, or mend their names")

    def film(self, name: str, only_one: bool) -> Path:
        """Return the path of a film.

        only_one: the labels are of this film alone, so that a film with the name of the label file
            is taken for it, which is said

        Raises DataError that names the film if it is not found.
        """
        if name not in self._films:
            self._films[name] = self._find_film(name, only_one)
        return self._films[name]

    def _find_film(self, name: str, only_one: bool) -> Path:
        if self._film and only_one:
            self._report.add("changed", "films given with --images", first=f"{name}: {self._film}")
            return self._film
        path, moved = self._look(name)
        if path is None and only_one:
            suffix = Path(name).suffix
            path = next((p for root in self._roots
                         if (p := root / f"{self._source.stem}{suffix}").is_file()), None)
            if path is not None:
                self._report.add("changed", "films that are called otherwise: the one with the "
                                 "name of the label file is taken", first=f"{name}: {path}")
                return path
        if path is None:
            raise DataError(f"{self._source}: its film {name} is not there; give its folder, or "
                            "the film itself, with --images")
        if moved:
            self._report.add("changed", "films found by the end of their path",
                             first=f"{name}: {path}")
        return path

    def _look(self, name: str) -> tuple[Path | None, bool]:
        """Return the path of a name, and whether only the end of the name fits."""
        plain = name.replace("\\", "/")
        if os.path.isabs(plain) and os.path.isfile(plain):
            return Path(plain), False
        parts = [part for part in plain.split("/") if part and part != "."]
        for start in range(len(parts)):
            for root in self._roots:
                path = root.joinpath(*parts[start:])
                if os.path.isfile(path):
                    return path, start > 0
        return None, False


def picture_size(path: Path, upright: bool = True) -> tuple[int, int]:
    """Return the (W, H) of a picture from its header.

    upright: as its EXIF orientation says; False: as it is stored

    Raises ImageError that names what is no picture.
    """
    try:
        with Image.open(path) as header:
            width, height = header.size
            lying = upright and header.getexif().get(_ORIENTATION, 1) >= _LYING
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"cannot read picture {path}: {error}") from None
    return (height, width) if lying else (width, height)


def film_size(path: Path) -> tuple[int, int]:
    """Return the (W, H) of a film; raises DataError that names what is none."""
    return Film(path).facts.size


def write_frames(labels: Labels, folder: Path, kind: str) -> Labels:
    """Write the labelled frames of films as pictures; return the labels with their paths.

    kind: ``png`` or ``jpg``

    Raises DataError that names the film and its frames which cannot be read.
    """
    if not labels.frames:
        return labels
    wanted: dict[tuple[Path, str], dict[int, Any]] = defaultdict(dict)
    for image, frame in labels.frames.items():
        wanted[frame.film, frame.dataset][frame.number] = image
    paths, taken = {}, set()
    for (film, dataset), images in wanted.items():
        stem = free_name(FilmFrame(film, 0, dataset).series, taken)
        for number, picture in _frames(film, dataset, set(images)):
            path = folder / f"{stem}_{number:06d}.{kind}"
            write_image(path, picture)
            paths[images[number]] = path.absolute()
    labels.report.add("changed", f"frames of films, written as pictures ({kind})", len(paths),
                      folder)
    images = [{**image, "file_name": str(paths.get(image["id"], labels.path(image)))}
              for image in labels.data["images"]]
    return replace(labels, data={**labels.data, "images": images}, folder=Path("/"),
                   frames={}).placed()


def _frames(film: Path, dataset: str, numbers: set[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield number and (H, W, 3) uint8 RGB picture of some frames of a film."""
    if dataset:
        yield from _stored_frames(film, dataset, numbers)
        return
    last, found = max(numbers), 0
    for frame in Film(film):
        if frame.number in numbers:
            found += 1
            yield frame.number, frame.image
        if frame.number == last:
            return
    raise DataError(f"film {film} has no frame {last}, which is labelled; {len(numbers) - found} "
                    f"of {len(numbers)} labelled frames lie beyond its end: is it the right film?")


def _stored_frames(film: Path, dataset: str,
                   numbers: set[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield frames that a file of SLEAP holds itself."""
    sleap_io = needed("sleap_io", "reading the pictures in a file of SLEAP", "sleap-io")
    video = None
    for number in sorted(numbers):
        try:
            video = video or sleap_io.Video.from_filename(str(film), dataset=dataset)
            picture = np.asarray(video[number])
        except (OSError, ValueError, KeyError, IndexError, RuntimeError) as error:
            raise DataError(f"{film}: frame {number} of {dataset} cannot be read ({error})"
                            ) from None
        yield number, np.ascontiguousarray(np.repeat(picture, 3, axis=2) if picture.shape[2] == 1
                                           else picture)


def copy_pictures(labels: Labels, places: dict[Any, Path]) -> None:
    """Copy the pictures of images, by id, to other places.

    Raises DataError for one that is missing, and where two would have one place.
    """
    for place, number in Counter(places.values()).items():
        if number > 1:
            raise DataError(f"{number} pictures would be {place}; give them different names, or "
                            "leave out what is there twice")
    for image in labels.data["images"]:
        source, target = labels.path(image), places[image["id"]]
        make_folder(target.parent)
        try:
            if not target.exists() or not os.path.samefile(source, target):
                shutil.copyfile(source, target)
        except OSError as error:
            raise DataError(f"cannot copy picture {source} to {target}: {error.strerror}; give "
                            "the folder of the pictures with --images") from None
