"""Write a toy data set in COCO's layout: drawn people, or creatures of one's own description.

People stand in for COCO wherever COCO is too big: the demo, the tests, and benchmarks without a
download. Creatures stand in for keypoints of one's own. A set is made anywhere in a minute or two.
Every picture has a random stream of its own, so a longer set begins with the shorter one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aepose.errors import ConfigError, DataError
from aepose.metainfo import Metainfo, get_metainfo
from aepose.toy.annotation import Annotation
from aepose.toy.creature import Creature
from aepose.toy.creature_figure import creature_metainfo
from aepose.toy.creature_file import get_creature
from aepose.toy.creature_scene import draw_creatures
from aepose.toy.scene import DEFAULT, HARD, draw_scene

GENERATOR_VERSION = 1  # raise it when the same seed draws other pictures
_SPLITS = ("train2017", "val2017")
_RECORD = "toy.json"
_UNFINISHED = ".toy_unfinished"
_KEYPOINTS, _METAINFO = "keypoints.json", "metainfo"
_JPEG_QUALITY = 92

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _World:
    """What a set shows: how a picture is drawn, and the keypoint set of each category.

    what: for its annotation files, and classes: name of the category -> its keypoint set
    """

    what: str
    draw: Callable[[np.random.Generator], tuple[np.ndarray, list[Annotation]]]
    classes: dict[str, Metainfo]

    @classmethod
    def of(cls, hard: bool, creatures: Sequence[Creature]) -> _World:
        preset = HARD if hard else DEFAULT
        if not creatures:
            return cls("toy people", lambda rng: draw_scene(rng, preset),
                       {"person": get_metainfo("coco")})
        return cls(f"drawn {', '.join(creature.name for creature in creatures)}",
                   lambda rng: draw_creatures(rng, preset, creatures),
                   {creature.name: creature_metainfo(creature) for creature in creatures})


def make_toy_dataset(out: str | Path, num_train: int, num_val: int, seed: int = 0,
                     hard: bool = False, progress: Progress | None = None,
                     creatures: Sequence[str | Path | Mapping[str, Any]] = ()) -> Path:
    """Draw a toy data set into the folder ``out`` and return it as a Path.

    The layout is COCO's: ``annotations/person_keypoints_{train,val}2017.json`` and pictures in
    ``train2017/`` and ``val2017/``. ``toy.json``, which records what was asked for, is written
    last; a complete set made with the same arguments is left as it is, any other toy set in
    ``out`` is replaced. A set of creatures has ``keypoints.json``, too, which a config names as
    ``metainfo``; of several it names ``metainfo/NAME.json`` of each.

    num_train, num_val: number of pictures
    seed: 0 or more; the same arguments give the same bytes (with the same OpenCV and numpy)
    hard: more, smaller and more strongly overlapping figures
    progress: called after each picture with the number of pictures done and in all
    creatures: draw these instead of people, each a category; what
        :func:`~aepose.toy.creature_file.get_creature` takes

    Raises ConfigError for a creature that cannot be read, and for two of one name, ValueError for a
    negative count or seed, and DataError where ``out`` holds something other than a toy set or
    cannot be written.
    """
    for name, value in (("num_train", num_train), ("num_val", num_val), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} = {value} must be 0 or more")
    out = Path(out)
    described = [get_creature(source) for source in creatures]
    names = [creature.name for creature in described]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two creatures are called {name!r}; classes need names of their own")
    record = {"preset": "hard" if hard else "default", "seed": seed, "num_train": num_train,
              "num_val": num_val, "generator_version": GENERATOR_VERSION}
    if described:
        # As JSON gives it back: without tuples.
        record["creatures"] = json.loads(json.dumps([asdict(creature) for creature in described]))
    try:
        if _read_record(out) == record:
            return out
        world = _World.of(hard, described)
        _prepare(out)
        if described:
            _write_metainfo(out, world.classes)
        for split, count, before in zip(_SPLITS, (num_train, num_val), (0, num_train),
                                        strict=True):
            _write_split(out, split, count, [seed, int(hard)], world,
                         _shift(progress, before, num_train + num_val))
        _write_json(out / _RECORD, record)
        (out / _UNFINISHED).unlink()
    except OSError as error:
        raise DataError(f"{out}: cannot write the toy data set: {error}") from error
    return out


def draw_picture(seed: int = 0) -> np.ndarray:
    """Return a picture of drawn people, (H, W, 3) uint8 RGB; equal seeds give equal ones."""
    picture, _ = draw_scene(np.random.default_rng(seed), DEFAULT)
    return np.ascontiguousarray(picture[..., ::-1])


def _read_record(out: Path) -> dict[str, Any] | None:
    """What the complete toy set in ``out`` was made with, or None if there is none."""
    try:
        record = json.loads((out / _RECORD).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    is_toy = isinstance(record, dict) and "generator_version" in record
    return record if is_toy and not (out / _UNFINISHED).exists() else None


def _prepare(out: Path) -> None:
    """Make the folders and clear an older toy set; refuse to touch anything else."""
    is_toy = _read_record(out) is not None or (out / _UNFINISHED).exists()
    if out.exists() and not is_toy and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: holds something other than a toy data set; "
                        "choose an empty or a new folder")
    out.mkdir(parents=True, exist_ok=True)
    # From here on the folder is known to be ours even if the work is interrupted.
    (out / _UNFINISHED).touch()
    (out / _RECORD).unlink(missing_ok=True)
    (out / "annotations").mkdir(exist_ok=True)
    for split in _SPLITS:
        (out / split).mkdir(exist_ok=True)
        for picture in (out / split).glob("*.jpg"):
            picture.unlink()
    for file in (out / _KEYPOINTS, *(out / _METAINFO).glob("*.json")):
        file.unlink(missing_ok=True)


def _write_metainfo(out: Path, classes: dict[str, Metainfo]) -> None:
    """Write the keypoint sets; what a metainfo file may leave out is left out."""
    contents = {name: {key: getattr(metainfo, key) for key in (
        "name", "keypoint_names", "flip_pairs", "sigmas", "skeleton")}
        for name, metainfo in classes.items()}
    if len(contents) > 1:
        (out / _METAINFO).mkdir(exist_ok=True)
        for name, content in contents.items():
            _write_json(out / _METAINFO / f"{name}.json", content)
        everything = {"name": "_".join(contents),
                      "classes": {name: f"{_METAINFO}/{name}.json" for name in contents}}
    else:
        (everything,) = contents.values()
    _write_json(out / _KEYPOINTS, everything)


def _shift(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    """Turn a count within a split into a count within the whole set."""
    return lambda done: progress(before + done, total) if progress else None


def _write_split(out: Path, split: str, count: int, seed: list[int], world: _World,
                 report: Callable[[int], None]) -> None:
    images, annotations = [], []
    for index in range(count):
        rng = np.random.default_rng([*seed, _SPLITS.index(split), index])
        picture, found = world.draw(rng)
        # Train has the odd and val the even ids, so neither depends on the other's length.
        image_id = 2 * index + 1 + _SPLITS.index(split)
        file_name = f"{image_id:012d}.jpg"
        _write_image(out / split / file_name, picture)
        images.append({"id": image_id, "file_name": file_name, "width": picture.shape[1],
                       "height": picture.shape[0], "license": 1})
        annotations += _number(found, image_id)
        report(index + 1)
    _write_json(out / "annotations" / f"person_keypoints_{split}.json", {
        "info": {"description": f"{world.what}, {split}", "version": str(GENERATOR_VERSION)},
        "licenses": [{"id": 1, "name": "Public domain (drawn by a program)", "url": ""}],
        "images": images, "annotations": annotations, "categories": _categories(world)})


def _number(annotations: list[Annotation], image_id: int) -> list[Annotation]:
    """Add ids; a picture has far fewer than 100 annotations."""
    return [{"id": 100 * image_id + k, "image_id": image_id, **annotation}
            for k, annotation in enumerate(annotations)]


def _categories(world: _World) -> list[dict[str, Any]]:
    return [{"id": number, "name": name, "supercategory": name,
             "keypoints": list(metainfo.keypoint_names),
             "skeleton": (metainfo.skeleton_index + 1).tolist()}
            for number, (name, metainfo) in enumerate(world.classes.items(), start=1)]


def _write_image(path: Path, picture: np.ndarray) -> None:
    # Encoded in memory: cv2.imwrite tells failure by its return value, without a reason.
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    path.write_bytes(data.tobytes())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))
