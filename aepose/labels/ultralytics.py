"""Ultralytics' pose data sets: data.yaml, and a text file of shares of the picture for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from aepose.errors import DataError
from aepose.files import make_folder, regular_file, write_text
from aepose.images import list_images
from aepose.labels.content import (
    Labels,
    LabelsBuilder,
    checked_pairs,
    names_in_skeleton,
    points_of,
)
from aepose.labels.pictures import copy_pictures, picture_size, write_frames
from aepose.labels.request import Request
from aepose.labels.yaml_files import read_yaml

_SPLITS = ("train", "val", "test")


def read_ultralytics(request: Request) -> Labels:
    """Return the labels of a data set, by its data.yaml or the folder with it.

    All its splits are read, a picture once; ``split`` of an image says which. A picture without a
    text file, or with an empty one, shows nobody: so Ultralytics takes it.

    Raises DataError that names the file and the line for what cannot be read.
    """
    path = request.path
    path = next(iter(sorted(path.glob("*.yaml"))), path / "data.yaml") if path.is_dir() else path
    content = read_yaml(path)
    builder = LabelsBuilder(path)
    dims, categories = _categories(content, request, builder)
    root = request.images or path.parent / str(content.get("path") or "")
    root = root if root.is_dir() else path.parent
    seen: dict[Path, str] = {}
    for split in _SPLITS:
        given = content.get(split) or []
        for place in given if isinstance(given, list) else [given]:
            for picture in _pictures(path, root, str(place)):
                if seen.setdefault(picture, split) == split:
                    _add_picture(picture, split, dims, categories, builder)
    if not seen:
        raise DataError(f"{path}: it names no folder of pictures under {', '.join(_SPLITS)}")
    return builder.labels()


def _categories(content: dict[str, Any], request: Request,
                builder: LabelsBuilder) -> tuple[int, dict[int, tuple[int, int]]]:
    """Return the numbers of a keypoint, and category id and number of keypoints by class."""
    shape, names = content.get("kpt_shape"), content.get("names")
    if not (isinstance(shape, list) and len(shape) == 2 and all(type(n) is int for n in shape)
            and shape[0] > 0 and shape[1] in (2, 3)):
        raise DataError(f"{builder.source}: kpt_shape is {shape!r}; a pose data set says there how "
                        "many keypoints it has, and 2 or 3 numbers for each, such as [17, 3]")
    classes = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(classes, dict) or not classes or not all(
            type(k) is int for k in classes):
        raise DataError(f"{builder.source}: names is {names!r}; it must list the classes")
    known, order = {}, content.get("flip_idx") or list(range(shape[0]))
    if not isinstance(order, list) or {*map(str, order)} != {*map(str, range(shape[0]))}:
        raise DataError(f"{builder.source}: flip_idx is {order!r}; it must list the numbers from 0 "
                        f"to {shape[0] - 1}, each once")
    for number, name in classes.items():
        keypoints = _keypoint_names(content, request, builder, number, shape[0])
        count = len(keypoints)
        pairs = [(keypoints[a], keypoints[b]) for a, b in enumerate(order[:count])
                 if a < b < count]
        numbers = dict(zip(map(str, range(count)), keypoints, strict=True))
        limbs = [[numbers[k] for k in limb] for limb in checked_pairs(
            content.get("skeleton"), f"{builder.source}: skeleton") if {*limb} <= {*numbers}]
        known[number] = builder.category(str(name), keypoints, limbs, pairs), count
    return shape[1], known


def _keypoint_names(content: dict[str, Any], request: Request, builder: LabelsBuilder,
                    number: int, count: int) -> list[str]:
    given = content.get("kpt_names")
    names = given.get(number) if isinstance(given, dict) else given
    names = names or content.get("node_names")
    if names is None and request.metainfo is not None:
        names = request.metainfo.keypoint_names
        if len(names) != count:
            raise DataError(f"{builder.source}: it has {count} keypoints, metainfo "
                            f"'{request.metainfo.name}' has {len(names)}")
    if names is None:
        builder.report.add("changed", "keypoints without names (kpt_names): called by their number "
                           "(--metainfo names them)", count)
        return [f"keypoint_{k}" for k in range(count)]
    if not isinstance(names, (list, tuple)) or not 0 < len(names) <= count:
        raise DataError(f"{builder.source}: kpt_names are {names!r}; kpt_shape says {count}")
    return [str(name) for name in names]


def _pictures(path: Path, root: Path, place: str) -> list[Path]:
    """Return the pictures of a split: those in a folder, or named in a text file."""
    where = next((p for p in (root / place, path.parent / place) if p.exists()), None)
    if where is None:
        raise DataError(f"{path}: {place} is not below {root}; correct 'path', or give the folder "
                        "with --images")
    if where.is_dir():
        return list_images([where], recursive=True)
    return [where.parent / line.strip() for line in _lines(where) if line.strip()]


def _lines(path: Path) -> list[str]:
    try:
        return regular_file(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from None


def _label_file(picture: Path) -> Path:
    """Return the text file of a picture: in ``labels`` where the picture is in ``images``."""
    parts = list(picture.with_suffix(".txt").parts)
    for k in range(len(parts) - 2, -1, -1):
        if parts[k] == "images":
            parts[k] = "labels"
            break
    return Path(*parts)


def _add_picture(picture: Path, split: str, dims: int, categories: dict[int, tuple[int, int]],
                 builder: LabelsBuilder) -> None:
    size = picture_size(picture)
    image = builder.image(picture.absolute(), size, split=split)
    file = _label_file(picture)
    if not file.is_file():
        return
    total = max(count for _, count in categories.values())
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            values = np.array([float(text) for text in line.split()])
        except ValueError:
            raise DataError(f"{where}: {line[:60]!r} are not numbers alone") from None
        if (len(values) - 5) % dims or len(values) < 5 + dims * total or not np.isfinite(
                values).all():
            raise DataError(f"{where}: {len(values)} numbers; kpt_shape asks for class, box (4) "
                            f"and {dims} numbers for each keypoint, finite ones")
        if values[0] not in categories:
            raise DataError(f"{where}: class {values[0]:g} is not among the names of data.yaml")
        category, count = categories[int(values[0])]
        points = values[5:].reshape(-1, dims)[:count]
        seen = points[:, 2:] if dims == 3 else 2.0 * (points != 0).any(axis=1, keepdims=True)
        center, extent = values[1:3] * size, values[3:5] * size
        builder.annotate(image, category, np.hstack([points[:, :2] * size, seen]),
                         box=[*(center - extent / 2).tolist(), *extent.tolist()])


def write_ultralytics(labels: Labels, target: Path, frames: str) -> Labels:
    """Write a data set to a folder: data.yaml, pictures (copied) in images, text files in labels.

    Coordinates are shares of the picture with 6 decimals: within half a millionth of its sides.
    """
    make_folder(target)
    labels = write_frames(labels, target / "images", frames)
    places = {image["id"]: target / "images" / image["file_name"]
              for image in labels.data["images"]}
    copy_pictures(labels, places)
    categories = labels.categories()
    total = max((len(c["keypoints"]) for c in categories.values()), default=0)
    classes = {number: k for k, number in enumerate(categories)}
    lines: dict[Any, list[str]] = {number: [] for number in places}
    sizes = {image["id"]: (image["width"], image["height"]) for image in labels.data["images"]}
    for annotation in labels.data["annotations"]:
        number = annotation["image_id"]
        lines[number].append(f"{classes[annotation['category_id']]} "
                             + _shares(annotation, np.array(sizes[number], float), total))
    for number, place in places.items():
        file = _label_file(place)
        make_folder(file.parent)
        write_text(file, "".join(line + "\n" for line in lines[number]))
    write_text(target / "data.yaml", _data_yaml(list(categories.values()), total, labels))
    return labels


def _shares(annotation: dict[str, Any], size: np.ndarray, total: int) -> str:
    x, y, width, height = annotation["bbox"]
    values = [*(np.array([x + width / 2, y + height / 2]) / size), *(np.array([width, height])
                                                                    / size)]
    texts = [f"{value:.6f}" for value in values]
    points = np.nan_to_num(points_of(annotation))
    for px, py, v in points:
        texts += [f"{px / size[0]:.6f}", f"{py / size[1]:.6f}", str(int(np.ceil(v)))]
    return " ".join(texts + ["0.000000", "0.000000", "0"] * (total - len(points)))


def _data_yaml(categories: list[dict[str, Any]], total: int, labels: Labels) -> str:
    names = [list(c["keypoints"]) for c in categories]
    flips = [_flip_index(category, total) for category in categories] or [[]]
    for category, flip in zip(categories, flips, strict=False):
        if flip != flips[0]:
            labels.report.add("changed", "flip_idx is one for all classes: here that of the first, "
                              "which does not fit", first=category.get("name"))
    if flips[0] == list(range(total)):
        labels.report.add("changed", "flip_idx: no pair of left and right is known, so a mirrored "
                          "picture keeps its names; correct it in data.yaml")
    labels.report.add("changed", "split: train and val name the same pictures; divide them in "
                      "data.yaml")
    limbs = [[names[0].index(n) for n in pair] for pair in names_in_skeleton(categories[0])
             ] if len(categories) == 1 else []
    return yaml.safe_dump({
        "train": "images", "val": "images", "kpt_shape": [total, 3],
        "flip_idx": flips[0], "names": {k: str(c.get("name")) for k, c in enumerate(categories)},
        "kpt_names": dict(enumerate(names)), "skeleton": limbs}, sort_keys=False)


def _flip_index(category: dict[str, Any], total: int) -> list[int]:
    names, index = category["keypoints"], list(range(total))
    for pair in category.get("flip_pairs") or ():
        a, b = (names.index(name) for name in pair)
        index[a], index[b] = b, a
    return index
