"""A small set of pictures in two folders, with two kinds of trouble: missing and hidden keypoints.
"""

import json

import numpy as np

from aepose.drawing import write_image

NAMES = ["snout", "left_ear", "right_ear", "tail"]
SIZES = {"a/one.png": (64, 48), "a/two.png": (64, 48), "b/one.png": (50, 70)}
# Of each picture its creatures: track and keypoints; exact in binary, so that equal means equal.
CREATURES = {
    "a/one.png": [(1, [10.5, 12.25, 2, 20, 22, 1, 0, 0, 0, 30.75, 31, 2]),
                  (2, [40, 8, 2, 44, 9, 2, 46.5, 10, 2, 60, 20.5, 1])],
    "a/two.png": [(2, [5, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    "b/one.png": [(1, [1, 69, 2, 49, 2.5, 2, 25, 33, 2, 0, 0, 0])],
}


def content(tracks=True, **category):
    """The set as COCO has it."""
    images = [{"id": n, "file_name": name, "width": w, "height": h}
              for n, (name, (w, h)) in enumerate(SIZES.items(), start=1)]
    people = [(image["id"], track, points) for image in images
              for track, points in CREATURES[image["file_name"]]]
    return {
        "images": images,
        "categories": [{"id": 1, "name": "mouse", "keypoints": NAMES,
                        "skeleton": [[1, 2], [1, 3], [1, 4]],
                        "flip_pairs": [["left_ear", "right_ear"]], **category}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": 1, "iscrowd": 0, "keypoints": list(points),
             "num_keypoints": sum(v > 0 for v in points[2::3]), "area": 300.5,
             "bbox": [2, 3, 40, 30], **({"track_id": track} if tracks else {})}
            for n, (image, track, points) in enumerate(people, start=1)]}


def write_set(folder, data=None):
    """Write pictures and annotations.json; return the latter's path."""
    for name, (width, height) in SIZES.items():
        write_image(folder / "pictures" / name, np.full((height, width, 3), 90, np.uint8))
    path = folder / "annotations.json"
    path.write_text(json.dumps(content() if data is None else data))
    return path


def poses(labels):
    """What a set comes to: picture -> its creatures' keypoints, class and names, sorted."""
    categories = {c["id"]: c for c in labels.data["categories"]}
    found = {image["file_name"]: [] for image in labels.data["images"]}
    names = {image["id"]: image["file_name"] for image in labels.data["images"]}
    for a in labels.data["annotations"]:
        category = categories[a["category_id"]]
        found[names[a["image_id"]]].append((category["name"], category["keypoints"],
                                            np.reshape(a["keypoints"], (-1, 3)).tolist()))
    return {name: sorted(people) for name, people in found.items()}
