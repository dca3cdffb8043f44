"""A set of two classes, and annotations of both: people with four keypoints, dogs with three."""

import json

import numpy as np

from aepose.metainfo import get_metainfo

PERSON = {"name": "body", "keypoint_names": ["head", "left_hand", "right_hand", "foot"],
          "flip_pairs": [["left_hand", "right_hand"]], "sigmas": [0.03, 0.06, 0.06, 0.09],
          "skeleton": [["head", "foot"]], "grouping_order": ["foot"]}
DOG = {"name": "snout", "keypoint_names": ["nose", "left_ear", "right_ear"],
       "flip_pairs": [["left_ear", "right_ear"]], "sigmas": [0.05, 0.04, 0.04],
       "skeleton": [["nose", "left_ear"], ["nose", "right_ear"]]}
CONTENT = {"name": "farm", "classes": {"person": PERSON, "dog": DOG}}
FARM = get_metainfo(CONTENT)
SIZE = 128, 96
# x, y of each keypoint, of somebody at 0, 0; a dog's nose lies where a person's head does.
_PERSON = np.array([[0, 0], [-9, 14], [9, 14], [0, 30]])
_DOG = np.array([[0, 0], [-7, 9], [7, 9]])
# In the file a dog's keypoints stand in another order.
_DOG_IN_FILE = [2, 0, 1]
CATEGORIES = [
    {"id": 9, "name": "ball"},
    {"id": 7, "name": "dog", "keypoints": [DOG["keypoint_names"][k] for k in _DOG_IN_FILE]},
    {"id": 3, "name": "person", "keypoints": PERSON["keypoint_names"]},
]
# By picture: (class, x, y) of each; most of them lie over one another.
PICTURES = (
    (("person", 30, 20), ("dog", 30, 20), ("person", 36, 24)),
    (("dog", 40, 40), ("dog", 48, 44), ("person", 44, 42), ("person", 80, 30)),
    (("dog", 100, 60),),
    (),
)


def creature(kind, x, y, size=1.0):
    """Return (n, 3) keypoints of the class's own, all visible."""
    shape = _PERSON if kind == "person" else _DOG
    return np.column_stack([shape * size + (x, y), np.full(len(shape), 2.0)])


def annotation(number, image_id, kind, x, y):
    """An annotation as the file has it."""
    points = creature(kind, x, y)
    low, extent = points[:, :2].min(axis=0), np.ptp(points[:, :2], axis=0)
    if kind == "dog":
        points = points[_DOG_IN_FILE]
    return {"id": number, "image_id": image_id, "category_id": 7 if kind == "dog" else 3,
            "iscrowd": 0, "keypoints": points.ravel().tolist(), "area": float(extent.prod()),
            "bbox": [*low.tolist(), *extent.tolist()]}


def farm_data(pictures=PICTURES):
    """The content of an annotation file."""
    width, height = SIZE
    creatures = [(image, *one) for image, some in enumerate(pictures, start=1) for one in some]
    return {"images": [{"id": i, "file_name": f"{i}.png", "width": width, "height": height}
                       for i in range(1, len(pictures) + 1)],
            "annotations": [annotation(n, *one) for n, one in enumerate(creatures, start=1)],
            "categories": [dict(one) for one in CATEGORIES]}


def write_farm(path, **changes):
    """Write the file, with other sections."""
    path.write_text(json.dumps({**farm_data(), **changes}))
    return path
