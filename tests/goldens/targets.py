"""targets.npz/.json: heatmaps and tag indices from keypoints in map pixels."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.metainfo import get_metainfo
from aepose.structures import MapTargets, MapView
from tests.goldens.common import Options, Tally, difference, read_json

TOLERANCE = 1e-6
# Name in the files -> convention.
CONVENTIONS = {"std": "classic", "udp": "udp"}


def make_codec(
    num_keypoints: int, sigma: float, max_num_people: int, convention: str
) -> AssociativeEmbeddingCodec:
    """Return a codec for any number of keypoints: their names do not matter here."""
    names = tuple(f"keypoint_{k}" for k in range(num_keypoints))
    colors = ((0, 0, 0),) * num_keypoints
    metainfo = replace(
        get_metainfo("coco"), keypoint_names=names, flip_pairs=(), skeleton=(),
        sigmas=(0.1,) * num_keypoints, keypoint_colors=colors, skeleton_colors=(),
        grouping_order=(),
    )
    return AssociativeEmbeddingCodec(
        metainfo, 512, sigma=sigma, max_num_people=max_num_people, convention=convention)


def encode(codec: AssociativeEmbeddingCodec, joints: np.ndarray, mask: np.ndarray) -> MapTargets:
    """Encode joints (P, K, 3) in the pixels of a map of the mask's size."""
    return codec.encode_view(MapView(joints[..., :2], mask), joints[..., 2])


def check_targets(folder: Path, options: Options) -> Tally:
    """Every case and map size in both conventions; heatmaps cell by cell."""
    arrays, tally = dict(np.load(folder / "targets.npz")), Tally()
    for name, case in read_json(folder / "targets.json").items():
        if "heatmap_sizes" not in case:
            # More people than fit: the original crashes, so there is nothing to compare with.
            continue
        for short, convention in CONVENTIONS.items():
            codec = make_codec(case["K"], case["sigma"], case["max_num_people"], convention)
            for size in case["heatmap_sizes"]:
                key = f"{name}.s{size}"
                bits = np.unpackbits(arrays[f"{key}.mask"], count=size * size)
                targets = encode(codec, arrays[f"{key}.joints_in"], bits.reshape(size, size) > 0)
                tally.add(f"{key}.{short}", _compare(targets, arrays, key, short), TOLERANCE)
    _check_sigmas(arrays, tally)
    return tally


def _compare(targets: MapTargets, arrays: dict, key: str, short: str) -> float:
    actual = targets.heatmaps.numpy()
    expected = np.zeros_like(actual)
    index = np.cumsum(arrays[f"{key}.{short}.target_idx"].astype(np.int64))
    expected.reshape(-1)[index] = arrays[f"{key}.{short}.target_val"]
    joints = np.stack([targets.tag_index.numpy(), targets.tag_valid.numpy()], axis=-1)
    return max(
        difference(actual, expected),
        difference(actual.sum(dtype=np.float64), arrays[f"{key}.{short}.target_sum"])
        / expected.sum() if expected.any() else 0.0,
        # Stored once: the tags' cells are the same in both conventions.
        difference(joints, arrays[f"{key}.std.joints_idx"]),
    )


def _check_sigmas(arrays: dict, tally: Tally) -> None:
    joints = arrays.get("sigma_test.joints_in")
    for key, expected in arrays.items():
        if key.startswith("sigma_test.sigma"):
            _, sigma, short = key.split(".")
            codec = make_codec(
                joints.shape[1], int(sigma.removeprefix("sigma")), 30, CONVENTIONS[short])
            targets = encode(codec, joints, np.ones(expected.shape[1:], bool))
            tally.add(key, difference(targets.heatmaps, expected), TOLERANCE)
