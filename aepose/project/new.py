"""A new project: a folder with a keypoint set, annotations to train and to test on, a config."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.annotations import with_images
from aepose.errors import ConfigError
from aepose.files import make_folder, write_json, write_text
from aepose.metainfo import Metainfo
from aepose.project.sizes import suggest_sizes
from aepose.project.sketch import DEFAULT_SIGMA, metainfo_text, sketch_metainfo
from aepose.project.source import KeypointList, find_pictures, list_keypoints, load_people
from aepose.project.split import split_images

_FILES = {"keypoints": "keypoints.json", "config": "config.py",
          "train": "annotations/train.json", "val": "annotations/val.json"}
_CONFIG = '''"""{title}."""

_base_ = 'aepose::_base_/small_data.py'

metainfo = '{keypoints}'
data_root = '{{{{ fileDirname }}}}'    # the folder of this file
work_dir = '{{{{ fileDirname }}}}/work_dir'
{rest}'''
_SIZES = """codec = dict(input_size={input_size})    # of a picture's short side in a test
train_dataloader = dict(dataset=dict(
    ann_file='{train}', img_dir={train_images!r},
    transforms=[
        # rotation: 180 for creatures seen from above, 30 for those that stand upright
        dict(type='RandomCrop', size={crop_size}, rotation=180),
        dict(type='RandomFlip')]))
val_dataloader = dict(dataset=dict(
    ann_file='{val}', img_dir={val_images!r}))
"""
_NO_SIZES = """train_dataloader = dict(dataset=dict(ann_file='{train}', img_dir='images'))
val_dataloader = dict(dataset=dict(ann_file='{val}', img_dir='images'))
"""


@dataclass
class Project:
    """A project that was written: its files by what they are, and what was done, in lines."""

    folder: Path
    metainfo: Metainfo
    told: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The config file."""
        return self.folder / _FILES["config"]


def new_project(
    folder: str | Path, names: Sequence[str] = (), source: str | None = None,
    val: str | None = None, images: str | None = None, category: Sequence[str] | None = None,
) -> Project:
    """Write the files of a project.

    names: of the keypoints, where ``source`` lists none, or there is none yet
    source, val: annotation files in COCO's format; without ``val``, the pictures of ``source`` are
        parted, see :func:`~aepose.project.split.split_images`
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
    if source is None:
        project = Project(folder, sketch_metainfo(name, names))
        _write(project, KeypointList((), (), ()), {})
        config = _NO_SIZES.format(**_FILES)
    else:
        listed = list_keypoints(source, category)
        if not (names or listed.names):
            raise ConfigError(f"{source} does not say how its keypoints are called; name them "
                              'with --keypoints "nose, left_ear, …", in the order of the file')
        project, config = _with_annotations(folder, name, tuple(names), listed, source, val, images)
    title = f"{name}: {project.metainfo.num_keypoints} keypoints, written by `aepose new`"
    write_text(project.config, _CONFIG.format(title=title, rest=config, **_FILES))
    project.told.append(f"{project.config}: what is trained, and how")
    return project


def _with_annotations(
    folder: Path, name: str, names: tuple[str, ...], listed: KeypointList, source: str,
    val: str | None, images: str | None,
) -> tuple[Project, str]:
    """Return a project of which all but the config is written, and that config's last part."""
    sketch = sketch_metainfo(name, names or listed.names, listed.limbs if not names else ())
    data, keypoints = load_people(source, sketch, listed.category)
    if not (listed.limbs and not names):
        sketch = sketch_metainfo(name, sketch.keypoint_names, keypoints=keypoints)
    project = Project(folder, sketch)
    folders = {"train": find_pictures(source, data["images"], images)}
    if val is None:
        parts = split_images(data["images"], source)
        folders["val"] = folders["train"]
        given = {"train": with_images(data, parts.train), "val": with_images(data, parts.val)}
        how = [f"pictures {parts.told}"]
    else:
        tested, more = load_people(val, sketch, listed.category)
        folders["val"] = find_pictures(val, tested["images"], images)
        given, how = {"train": data, "val": tested}, []
        keypoints = np.concatenate([keypoints, more])
    _write(project, listed, given)
    project.told += how
    sizes = np.array([(i["width"], i["height"]) for i in given["train"]["images"]])
    recipe = suggest_sizes(keypoints, sizes)
    return project, _SIZES.format(
        **_FILES, **{f"{part}_images": _from(folder, place) for part, place in folders.items()},
        input_size=recipe.input_size, crop_size=recipe.crop_size)


def _write(project: Project, listed: KeypointList, parts: dict[str, dict[str, Any]]) -> None:
    """Write keypoints and annotations, and tell of them."""
    metainfo, folder = project.metainfo, project.folder
    guessed = ["flip_pairs are guessed from the names: what changes places in a mirrored picture"]
    if not listed.limbs:
        guessed.append("skeleton is guessed; it is drawn, and serves for nothing else")
    guessed.append(f"sigmas are a default, {DEFAULT_SIGMA} for each; `aepose sigmas` estimates them"
                   " from pictures annotated twice")
    make_folder(folder / "annotations")
    write_text(folder / _FILES["keypoints"], metainfo_text(metainfo, guessed))
    pairs = ", ".join(f"{a} and {b}" for a, b in metainfo.flip_pairs) or "none"
    project.told += [f"{folder / _FILES['keypoints']}: {metainfo.num_keypoints} keypoints; pairs "
                     f"of left and right: {pairs}", *(f"  {line}" for line in guessed)]
    for part, content in parts.items():
        write_json(folder / _FILES[part], content)
        project.told.append(f"{folder / _FILES[part]}: {len(content['images'])} pictures, "
                            f"{len(content['annotations'])} annotations")


def _from(folder: Path, place: Path) -> str:
    """Return a folder as the config names it: from the project if both lie in one folder."""
    project = folder.resolve()
    if place.is_relative_to(project.parent):
        return Path(os.path.relpath(place, project)).as_posix()
    return place.as_posix()
