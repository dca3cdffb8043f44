"""Drawn people in pictures of COCO's size, for benchmarks on machines that have no photographs."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aepose.toy import make_toy_dataset

SIZE = 640, 480


def draw_pictures(folder: Path, number: int = 64) -> Path:
    """Return a new folder of COCO's layout in ``folder``, with pictures of ``SIZE`` (W, H).

    number: of pictures, for training and for validation each
    """
    toy = make_toy_dataset(folder / "toy", number, number)
    root = folder / "pictures"
    (root / "annotations").mkdir(parents=True)
    for split in ("train2017", "val2017"):
        content = json.loads((toy / f"annotations/person_keypoints_{split}.json").read_text())
        (root / split).mkdir()
        ratios = {info["id"]: _enlarge(info, toy / split, root / split)
                  for info in content["images"]}
        people = [_scaled(person, ratios[person["image_id"]])
                  for person in content["annotations"] if not person["iscrowd"]]
        path = root / "annotations" / f"person_keypoints_{split}.json"
        path.write_text(json.dumps({**content, "annotations": people}))
    return root


def _enlarge(info: dict[str, Any], source: Path, target: Path) -> np.ndarray:
    """Write a picture in the new size, note that in ``info``; return the ratios in x and y."""
    picture = cv2.imread(str(source / info["file_name"]))
    cv2.imwrite(str(target / info["file_name"]), cv2.resize(picture, SIZE))
    ratio = np.divide(SIZE, (info["width"], info["height"]))
    info["width"], info["height"] = SIZE
    return ratio


def _scaled(person: dict[str, Any], ratio: np.ndarray) -> dict[str, Any]:
    keypoints = np.reshape(person["keypoints"], (-1, 3)) * [*ratio, 1]
    keypoints = [[x, y, int(v)] for x, y, v in keypoints.tolist()]
    outlines = [(np.reshape(outline, (-1, 2)) * ratio).ravel().tolist()
                for outline in person["segmentation"]]
    return {**person, "keypoints": list(chain(*keypoints)), "segmentation": outlines,
            "bbox": (np.reshape(person["bbox"], (2, 2)) * ratio).ravel().tolist(),
            "area": person["area"] * float(ratio.prod())}

