"""A new project: a folder with a keypoint set, annotations to train and to test on, a config."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.annotations import with_images
from aepose.datasets.categories import Category
from aepose.errors import ConfigError, DataError
from aepose.files import make_folder, write_json, write_text
from aepose.metainfo import Metainfo, get_metainfo, metainfo_files, read_metainfo_file
from aepose.metainfo.own import read_commented_json
from aepose.project.sizes import suggest_sizes
from aepose.project.sketch import about_sketch, content_of, metainfo_text, sketch_lists
from aepose.project.source import (
    KeypointList,
    Source,
    as_coco,
    categories_of,
    find_pictures,
    list_keypoints,
    load_people,
)
from aepose.project.split import split_images
from aepose.zoo.hub import TOY_CHECKPOINT

_FILES = {"keypoints": "keypoints.json", "config": "config.py",
          "train": "annotations/train.json", "val": "annotations/val.json"}
_CONFIG = '''"""{title}."""

_base_ = 'aepose::_base_/small_data.py'

metainfo = '{keypoints}'
data_root = '{{{{ fileDirname }}}}'    # the folder of this file
work_dir = '{{{{ fileDirname }}}}/work_dir'
# In pixels that the network sees: a picture's short side; how far keypoints of one are apart.
codec = dict(input_size={input_size}, reach={reach})
# The network that ships tells creatures apart already, so weak losses of tags do. From scratch, or
# with another network, leave both lines out.
finetune_from = '{start}'
model = dict(keypoint_head=dict(losses=[dict(type='PoseLoss', push=0.001, pull=0.001)]))
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
class _Keypoints:
    """Where a project's keypoints come from: lists to sketch a set from, or the user's own file.

    name: of the project; category: which of the annotations' have them
    """

    name: str
    lists: list[KeypointList]
    own: Path | None = None
    category: Category = None

    def metainfo(self, keypoints: np.ndarray | None = None) -> Metainfo:
        """Return the set; ``keypoints``: (P, K, 3) of creatures, to sketch skeletons from."""
        return get_metainfo(self.own) if self.own else sketch_lists(
            self.name, self.lists, keypoints)

    def written(self, metainfo: Metainfo) -> tuple[str, list[list[str]]]:
        """Return the text of the project's metainfo file, and of each class what to know of it."""
        if not self.own:
            about = [about_sketch(one) for one in self.lists]
            return metainfo_text(content_of(metainfo), about), about
        about = [[f"copied from {self.own}"]] * len(metainfo.classes)
        if any(metainfo_files(read_commented_json(self.own, "metainfo file", "name, classes"))):
            about = [[f"copied from {self.own} and the files that it names"]] * len(about)
            return metainfo_text(read_metainfo_file(self.own), about), about
        return self.own.read_text(encoding="utf-8"), about


def new_project(
    folder: str | Path, keypoints: Sequence[str] | Path = (), source: str | None = None,
    val: str | None = None, images: str | None = None, category: Category = None,
) -> Project:
    """Write the files of a project.

    keypoints: their names, where ``source`` lists none, or there is none yet; or a metainfo file,
        which is copied
    source, val: annotation files in COCO's format, or whatever :mod:`aepose.labels` reads; without
        ``val``, the pictures of ``source`` are parted, see
        :func:`~aepose.project.split.split_images`. Categories with different keypoints are classes
    images: folder of the pictures of both; without it, the likely ones are looked into
    category: ids or names of the categories that are meant, where the file leaves a choice; by
        class, where a metainfo file has several

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
    train = given["train"].path if given else None
    if isinstance(keypoints, Path):
        found = _Keypoints(name, [], keypoints, _own_category(keypoints, train, category))
    else:
        lists = _lists(keypoints, train, category)
        found = _Keypoints(name, lists, category=categories_of(lists))
    if not given:
        return _written(folder, found, found.metainfo(), _NO_SIZES, {}, [])
    return _annotated(folder, found, given)


def _lists(names: Sequence[str], source: str | None, category: Category) -> list[KeypointList]:
    """Return the lists of keypoints that a file has, or that the user names."""
    lists = list_keypoints(source, category) if source else [KeypointList()]
    if not names and not lists[0].names:
        raise ConfigError(f"{source} does not say how its keypoints are called; name them with "
                          '--keypoints "nose, left_ear, …", in the order of the file')
    if names and len(lists) > 1:
        known = ", ".join(repr(one.class_name) for one in lists)
        raise DataError(f"{source}: the categories {known} list different keypoints; say with "
                        "--category which has those that are named")
    return [lists[0].named(names)] if names else lists


def _own_category(own: Path, source: str | None, category: Category) -> Category:
    """Return which categories have the keypoints of the user's file: all, where they are alike."""
    if not source or category or len(get_metainfo(own).classes) > 1:
        return category
    lists = list_keypoints(source)
    return categories_of(lists) if len(lists) == 1 else None


def _annotated(folder: Path, found: _Keypoints, given: Mapping[str, Source]) -> Project:
    """Write a project with annotations: ``given`` to train on and, if there are, to test on."""
    read = {part: load_people(file.path, found.metainfo(), found.category)
            for part, file in given.items()}
    parts = {part: data for part, (data, _) in read.items()}
    places = {part: find_pictures(file.path, parts[part]["images"], file.images)
              for part, file in given.items()}
    told = [line for file in given.values() for line in file.told]
    data, keypoints = read["train"]
    if "val" not in given:
        split = split_images(data["images"], given["train"].path)
        places["val"] = places["train"]
        told.append(f"pictures {split.told}")
        parts = {"train": with_images(data, split.train), "val": with_images(data, split.val)}
    recipe = suggest_sizes(keypoints, np.array(
        [(image["width"], image["height"]) for image in data["images"]]))
    sizes = {**asdict(recipe),
             **{f"{part}_images": _from(folder, place) for part, place in places.items()}}
    return _written(folder, found, found.metainfo(keypoints), sizes, parts, told)


def _written(folder: Path, found: _Keypoints, metainfo: Metainfo, sizes: Mapping[str, Any],
             parts: Mapping[str, dict[str, Any]], how: Sequence[str]) -> Project:
    """Write the files, and tell of them.

    sizes: what the config says of sizes, and of folders of pictures
    parts: content of annotation files, 'train' and 'val'; how: they came about
    """
    text, about = found.written(metainfo)
    make_folder(folder / "annotations")
    write_text(folder / _FILES["keypoints"], text)
    told = _about_keypoints(folder / _FILES["keypoints"], metainfo, about)
    for part, data in parts.items():
        write_json(folder / _FILES[part], data)
        told.append(f"{folder / _FILES[part]}: {len(data['images'])} pictures, "
                    f"{len(data['annotations'])} annotations")
    told += how
    config = folder / _FILES["config"]
    write_text(config, _CONFIG.format(
        title=f"{found.name}: {metainfo.num_keypoints} keypoints, written by `aepose new`",
        start=TOY_CHECKPOINT.name, **sizes, **_FILES))
    told.append(f"{config}: what is trained, and how" + (
        "" if parts else "; its sizes are a guess, which `aepose new` replaces once it has "
        "annotations (--from)"))
    return Project(config, metainfo, told)


def _about_keypoints(path: Path, metainfo: Metainfo, about: Sequence[Sequence[str]]) -> list[str]:
    """Return what is in a metainfo file, in lines; ``about``: lines for each class."""
    several = len(metainfo.classes) > 1
    told = [f"{path}: {metainfo.num_keypoints} keypoints of {len(metainfo.classes)} classes"
            ] if several else []
    for one, lines in zip(metainfo.classes, about, strict=True):
        pairs = ", ".join(f"{a} and {b}" for a, b in one.metainfo.flip_pairs) or "none"
        what = f"{one.metainfo.num_keypoints} keypoints; pairs of left and right: {pairs}"
        told += [f"  {one.name}: {what}" if several else f"{path}: {what}",
                 *(f"    {line}" if several else f"  {line}" for line in lines)]
    return told


def _from(folder: Path, place: Path) -> str:
    """Return a folder as the config names it: from the project if both lie in one folder."""
    project = folder.resolve()
    if place.is_relative_to(project.parent):
        return Path(os.path.relpath(place, project)).as_posix()
    return place.as_posix()
