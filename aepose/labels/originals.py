"""AI Challenger's and MHP's annotations as they are handed out, in the layout the zoo reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.values import are_numbers, shown
from aepose.errors import DataError
from aepose.labels.content import Labels, LabelsBuilder
from aepose.labels.pictures import PictureFinder, picture_size
from aepose.labels.request import Request
from aepose.metainfo import Metainfo, get_metainfo
from aepose.results.formats import needed

_AIC_VISIBILITY = {1: 2, 2: 1, 3: 0}  # visible, hidden, not labelled
_MHP_VISIBILITY = {0: 2, 1: 1, 2: 0}  # visible, hidden, outside of the picture
_MHP_ROWS = 20  # 16 keypoints, the corners of the face's box, the corners of the person's


def read_aic(request: Request) -> Labels:
    """Return the labels of AI Challenger's keypoint_*_annotations_*.json.

    Per person 14 times x, y and 1 visible, 2 hidden, 3 not labelled (Wu et al. 2017), and a box
    x0, y0, x1, y1. The pictures are needed for their sizes.

    Raises DataError that names the picture for what is not so.
    """
    metainfo, builder = get_metainfo("aic"), LabelsBuilder(request.path)
    category = _category(builder, metainfo)
    near = [f for f in request.path.absolute().parent.iterdir()
            if f.is_dir() and f.name.startswith("keypoint_")]
    images = request.images or (near[0] if len(near) == 1 else None)
    finder = PictureFinder(request.path, images, builder.report)
    for number, entry in enumerate(request.content):
        name = entry.get("image_id")
        people = entry.get("keypoint_annotations")
        if not isinstance(name, str) or not isinstance(people, dict):
            raise DataError(f"{request.path}: entry {number} has no image_id with "
                            "keypoint_annotations, as AI Challenger's files have")
        path = finder.find(f"{name}.jpg")
        if path is None:
            continue
        image = builder.image(path, picture_size(path))
        boxes = entry.get("human_annotations")
        for who, values in people.items():
            where = f"{request.path}: {name}, {who}"
            if not are_numbers(values, 3 * metainfo.num_keypoints):
                raise DataError(f"{where}: {shown(values)}; they must be 42 numbers")
            points = np.array(values, np.float64).reshape(-1, 3)
            points[:, 2] = _visibility(points[:, 2], _AIC_VISIBILITY, where)
            corners = boxes.get(who) if isinstance(boxes, dict) else None
            if not are_numbers(corners, 4):
                raise DataError(f"{where}: its box is {shown(corners)}; it must be 4 numbers")
            x0, y0, x1, y1 = corners
            builder.annotate(image, category, points, box=[x0, y0, x1 - x0, y1 - y0])
    finder.check()
    return builder.labels()


def read_mhp(request: Request) -> Labels:
    """Return the labels of a folder of MHP v2.0: ``train`` or ``val`` of LV-MHP-v2.

    ``pose_annos/<name>.mat`` has an array person_0, person_1, … each: 20 rows x, y and 0 visible,
    1 hidden, 2 outside; -1 for what is not there; the rows after the 16 keypoints are the corners
    of the face's and of the person's box. Pictures are in ``images``. Needs SciPy.

    Raises DataError that names the file for what is not so.
    """
    matlab = needed("scipy.io.matlab", "reading MHP's .mat files", "scipy")
    path = request.path
    if not (path / "pose_annos").is_dir():
        raise DataError(f"{path}: no folder pose_annos in it; give LV-MHP-v2/train, or …/val")
    builder = LabelsBuilder(path)
    category = _category(builder, get_metainfo("mhp"))
    files = sorted((path / "pose_annos").glob("*.mat"),
                   key=lambda f: (len(f.stem), f.stem))
    finder = PictureFinder(path, request.images or path / "images", builder.report)
    for file in files:
        picture = finder.find(f"{file.stem}.jpg")
        if picture is None:
            continue
        image = builder.image(picture, picture_size(picture))
        for who, rows in _people(file, matlab).items():
            points = np.array(rows[:16], np.float64)
            there = (points[:, :2] >= 0).all(axis=1)
            points[:, 2] = _visibility(points[:, 2], _MHP_VISIBILITY | {-1: 0}, f"{file}, {who}")
            points[~there, 2] = 0
            corners = rows[18:, :2]
            builder.annotate(image, category, points,
                             box=[*corners[0].tolist(), *(corners[1] - corners[0]).tolist()])
    finder.check()
    return builder.labels()


def _category(builder: LabelsBuilder, metainfo: Metainfo) -> int:
    return builder.category("person", metainfo.keypoint_names, metainfo.skeleton,
                            metainfo.flip_pairs)


def _visibility(values: np.ndarray, meaning: dict[int, int], where: str) -> list[int]:
    for value in values.tolist():
        if value not in meaning:
            raise DataError(f"{where}: a keypoint has the visibility {value:g}; there is "
                            f"{', '.join(map(str, meaning))}")
    return [meaning[int(value)] for value in values]


def _people(file: Path, matlab: Any) -> dict[str, np.ndarray]:
    try:
        content = matlab.loadmat(file)
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError,
            matlab.MatReadError) as error:
        raise DataError(f"{file}: cannot be read as a .mat file ({error})") from None
    people = {key: np.asarray(value) for key, value in content.items()
              if key.startswith("person")}
    for who, rows in people.items():
        if rows.shape != (_MHP_ROWS, 3) or not np.issubdtype(rows.dtype, np.number):
            raise DataError(f"{file}: {who} has the shape {rows.shape}; MHP v2.0 has 20 rows x, "
                            "y, visibility")
    return people
