"""Keypoint sets of old configs: ``dataset_info`` -> the name of a known one, or one of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aepose.errors import ConfigError
from aepose.metainfo import get_metainfo

DATASETS = {
    "BottomUpCocoDataset": "coco", "BottomUpAicDataset": "aic", "BottomUpMhpDataset": "mhp",
    "BottomUpCrowdPoseDataset": "crowdpose", "BottomUpCocoWholeBodyDataset": "coco_wholebody",
}
"""MMPose's data sets of bottom-up networks -> our keypoint sets of the same people."""
READ = ("dataset_name", "keypoint_info", "skeleton_info", "sigmas")
"""What is taken of ``dataset_info``."""
_COCO_KEYPOINTS = 17


def convert_keypoints(info: Mapping[Any, Any] | None, dataset: str) -> str | dict[str, Any]:
    """Return what a config of ours has as ``metainfo``.

    info: ``dataset_info``; None for old configs without, whose data set has its own
    dataset: the type of the data set

    Raises ConfigError for an info that describes no keypoints.
    """
    known = DATASETS[dataset]
    if not info:
        return known
    content = _content(info)
    published = get_metainfo(known)
    same = (content["keypoint_names"] == list(published.keypoint_names)
            and {*map(frozenset, content["flip_pairs"])} == {*map(frozenset, published.flip_pairs)}
            and content["sigmas"] == list(published.sigmas)
            and {*map(frozenset, content["skeleton"])} == {*map(frozenset, published.skeleton)})
    if same:
        return known
    names = content["keypoint_names"]
    if len(names) == _COCO_KEYPOINTS:
        # MMPose groups any 17 keypoints in the order that suits COCO's.
        content["grouping_order"] = [names[i] for i in get_metainfo("coco").grouping_index]
    if published.part_fields and len(names) == published.num_keypoints:
        content["part_fields"] = [list(part) for part in published.part_fields]
    get_metainfo(content)  # raises for what does not fit together
    return content


def _content(info: Mapping[Any, Any]) -> dict[str, Any]:
    try:
        points = sorted(info["keypoint_info"].values(), key=lambda point: point["id"])
        limbs = sorted(info.get("skeleton_info", {}).values(), key=lambda limb: limb["id"])
        names = [point["name"] for point in points]
        pairs = [(p["name"], p["swap"]) for p in points if p.get("swap")]
        content = {
            "name": info["dataset_name"],
            "keypoint_names": names,
            "flip_pairs": [[a, b] for a, b in pairs if names.index(a) < names.index(b)],
            "sigmas": list(info["sigmas"]),
            "skeleton": [list(limb["link"]) for limb in limbs],
            "keypoint_colors": [list(point["color"]) for point in points],
            "skeleton_colors": [list(limb["color"]) for limb in limbs],
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"dataset_info describes no keypoints as MMPose 0.x does: "
                          f"{type(error).__name__}: {error}") from None
    lonely = [a for a, b in pairs if (b, a) not in pairs]
    if lonely:
        raise ConfigError(f"dataset_info.keypoint_info: '{lonely[0]}' is swapped with a keypoint "
                          "that is not swapped with it")
    return content
