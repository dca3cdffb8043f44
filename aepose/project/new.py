"""A new project: a folder with a keypoint set, annotations to train and to test on, a config."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.annotations import with_images
from aepose.errors import ConfigError
from aepose.files import make_folder, write_json, write_text
from aepose.metainfo import Metainfo, get_metainfo
from aepose.project.sizes import suggest_sizes
from aepose.project.sketch import DEFAULT_SIGMA, metainfo_text, sketch_metainfo
from aepose.project.source import (
    KeypointList,
    Source,
    as_coco,
    find_pictures,
    list_keypoints,
    load_people,
)
from aepose.project.split import split_images

_FILES = {"keypoints": "keypoints.json", "config": "config.py",
          "train": "annotations/train.json", "val": "annotations/val.json"}
_CONFIG = '''"""{title}."""

_base_ = 'aepose::_base_/small_data.py'

metainfo = '{keypoints}'
data_root = '{{{{ fileDirname }}}}'    # the folder of this file
work_dir = '{{{{ fileDirname }}}}/work_dir'
# In pixels that the network sees: a picture's short side; how far keypoints of one are apart.
codec = dict(input_size={input_size}, reach={reach})
train_dataloader = dict(dataset=dict(
    ann_file='{train}', img_dir={train_images!r},
    transforms=[
        # rotation: 180 for creatures seen from above, 30 for those that stand upright
        dict(type='RandomCrop', size={crop_size}, rotation=180),
        dict(type='RandomFlip')]))
val_dataloader = dict(dataset=dict(
    ann_file='{val}', img_dir={val_images!r}))
'''
# Where nobody is annotated yet: a picture's short side, and creatures of up to half a crop.
_NO_SIZES = {"input_size": 512, "crop_size": 256, "reach": 256,
             "train_images": "images", "val_images": "images"}


@dataclass(frozen=True)
class Project:
    """A project that was written: its config, its keypoints, and what was done, in lines."""

    config: Path
    metainfo: Metainfo
    told: list[str]


@dataclass(frozen=True)
class _Content:
    """What is to be written.

    sizes: what the config says of sizes, and of folders of pictures
    parts: content of annotation files, 'train' and 'val'; told: how they came about
    """

    metainfo: Metainfo
    sizes: dict[str, Any]
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


def new_project(
    folder: str | Path, keypoints: Sequence[str] | Path = (), source: str | None = None,
    val: str | None = None, images: str | None = None, category: Sequence[str] | None = None,
) -> Project:
    """Write the files of a project.

    keypoints: their names, where ``source`` lists none, or there is none yet; or a metainfo file,
        which is copied
    source, val: annotation files in COCO's format, or whatever :mod:`aepose.labels` reads; without
        ``val``, the pictures of ``source`` are parted, see
        :func:`~aepose.project.split.split_images`
    images: folder of the pictures of both; without it, the likely ones are looked into
    category: ids or names of the categories that are meant, where the file leaves a choice

    Given files are not changed: the parts of the annotations are written to the project. Raises
    ConfigError if the folder has a project, and for names that cannot be used, and DataError for
    annotations that cannot be read or do not fit, or pictures that are not there.
    """
    folder = Path(folder)
    there = [name for name in _FILES.values() if (folder / name).exists()]
    if there:
        raise ConfigError(f"{folder} has a {there[0]} already, which would be replaced; name "
                          "another folder, or move it away")
    name = re.sub(r"\W+", "_", folder.resolve().name) or "project"
    given = {part: as_coco(labels, images, folder / "annotations" / f"{part}_labels.json")
             for part, labels in (("train", source), ("val", val)) if labels is not None}
    listed = list_keypoints(given["train"].path, category) if given else KeypointList()
    if isinstance(keypoints, Path):
        metainfo, own, limbs = get_metainfo(keypoints), keypoints, ()
    else:
        names, own = tuple(keypoints) or listed.names, None
        if not names:
            raise ConfigError(f"{source} does not say how its keypoints are called; name them with "
                              '--keypoints "nose, left_ear, …", in the order of the file')
        limbs = tuple(limb for limb in listed.limbs if set(limb) <= set(names))
        pairs = [pair for pair in listed.flip_pairs if set(pair) <= set(names)]
        metainfo = sketch_metainfo(name, names, limbs, pairs=pairs)
    content = _annotated(folder, metainfo, not (own or limbs), given, listed.category
                         ) if given else _Content(metainfo, _NO_SIZES)
    return _written(folder, name, content, not limbs, own)


def _annotated(
    folder: Path, sketch: Metainfo, no_limbs: bool, given: Mapping[str, Source],
    category: Sequence[Any],
) -> _Content:
    """Return the content of a project that has annotations.

    no_limbs: the sketch's skeleton is guessed from the names alone
    given: files to train on and, if there is one, to test on
    """
    source = given["train"]
    data, keypoints = load_people(source.path, sketch, category)
    places = {"train": find_pictures(source.path, data["images"], source.images)}
    metainfo = sketch_metainfo(sketch.name, sketch.keypoint_names, keypoints=keypoints,
                               pairs=sketch.flip_pairs) if no_limbs else sketch
    told = [line for file in given.values() for line in file.told]
    if "val" not in given:
        split = split_images(data["images"], source.path)
        places["val"] = places["train"]
        told.append(f"pictures {split.told}")
        parts = {"train": with_images(data, split.train), "val": with_images(data, split.val)}
    else:
        val = given["val"]
        tested, _ = load_people(val.path, sketch, category)
        places["val"] = find_pictures(val.path, tested["images"], val.images)
        parts = {"train": data, "val": tested}
    recipe = suggest_sizes(keypoints, np.array(
        [(image["width"], image["height"]) for image in data["images"]]))
    sizes = {**asdict(recipe),
             **{f"{part}_images": _from(folder, place) for part, place in places.items()}}
    return _Content(metainfo, sizes, parts, told)


def _written(folder: Path, name: str, content: _Content, guessed_limbs: bool, own: Path | None
             ) -> Project:
    """Write the files, and tell of them; ``own``: the user's metainfo file."""
    metainfo = content.metainfo
    guessed = ["flip_pairs are guessed from the names: what changes places in a mirrored picture"]
    if guessed_limbs:
        guessed.append("skeleton is guessed; it is drawn, and serves for nothing else")
    guessed.append(f"sigmas are a default, {DEFAULT_SIGMA} for each; `aepose sigmas` estimates them"
                   " from pictures annotated twice")
    text = metainfo_text(metainfo, guessed)
    if own:
        guessed, text = [f"copied from {own}"], own.read_text(encoding="utf-8")
    make_folder(folder / "annotations")
    write_text(folder / _FILES["keypoints"], text)
    pairs = ", ".join(f"{a} and {b}" for a, b in metainfo.flip_pairs) or "none"
    told = [f"{folder / _FILES['keypoints']}: {metainfo.num_keypoints} keypoints; pairs of left "
            f"and right: {pairs}", *(f"  {line}" for line in guessed)]
    for part, data in content.parts.items():
        write_json(folder / _FILES[part], data)
        told.append(f"{folder / _FILES[part]}: {len(data['images'])} pictures, "
                    f"{len(data['annotations'])} annotations")
    told += content.told
    config = folder / _FILES["config"]
    write_text(config, _CONFIG.format(
        title=f"{name}: {metainfo.num_keypoints} keypoints, written by `aepose new`",
        **content.sizes, **_FILES))
    told.append(f"{config}: what is trained, and how" + (
        "" if content.parts else "; its sizes are a guess, which `aepose new` replaces once it has "
        "annotations (--from)"))
    return Project(config, metainfo, told)


def _from(folder: Path, place: Path) -> str:
    """Return a folder as the config names it: from the project if both lie in one folder."""
    project = folder.resolve()
    if place.is_relative_to(project.parent):
        return Path(os.path.relpath(place, project)).as_posix()
    return place.as_posix()
