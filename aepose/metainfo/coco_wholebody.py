"""COCO-WholeBody keypoints: body, feet, face and hands (Jin et al., Whole-Body Human Pose
Estimation in the Wild, ECCV 2020)."""

from itertools import pairwise

from aepose.metainfo.coco import METAINFO as BODY
from aepose.metainfo.structure import Metainfo

_GREEN, _ORANGE, _WHITE = (0, 255, 0), (255, 128, 0), (255, 255, 255)
_TOES = ("big_toe", "small_toe", "heel")
# Of each finger: name, colour of its limbs and its four keypoints, from the palm to the tip.
_FINGERS = (
    ("thumb", _ORANGE), ("forefinger", (255, 153, 255)), ("middle_finger", (102, 178, 255)),
    ("ring_finger", (255, 51, 51)), ("pinky_finger", _GREEN),
)
# Face keypoints that change places in a mirror: jaw, brows, nostrils, eyes, outer and inner lips.
_FACE_PAIRS = (
    *((i, 16 - i) for i in range(8)), *((i, 43 - i) for i in range(17, 22)), (31, 35), (32, 34),
    *((i, 81 - i) for i in range(36, 40)), (40, 47), (41, 46),
    *((i, 102 - i) for i in range(48, 51)), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67),
)


def _finger(side: str, finger: str) -> tuple[str, ...]:
    return tuple(f"{side}_{finger}{i}" for i in range(1, 5))


def _hand(side: str) -> tuple[str, ...]:
    return (f"{side}_hand_root", *(n for finger, _ in _FINGERS for n in _finger(side, finger)))


def _hand_limbs(side: str) -> tuple[tuple[str, str], ...]:
    chains = [(f"{side}_hand_root", *_finger(side, finger)) for finger, _ in _FINGERS]
    return tuple(limb for chain in chains for limb in pairwise(chain))


_FINGER_COLORS = tuple(color for _, color in _FINGERS for _ in range(4))
_HAND_SIGMAS = (
    0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024, 0.022, 0.026,
    0.017, 0.021, 0.021, 0.032, 0.02, 0.019, 0.022, 0.031,
)

METAINFO = Metainfo(
    name="coco_wholebody",
    keypoint_names=(
        *BODY.keypoint_names,
        *(f"{side}_{toe}" for side in ("left", "right") for toe in _TOES),
        *(f"face-{i}" for i in range(68)),
        *_hand("left"), *_hand("right"),
    ),
    flip_pairs=(
        *BODY.flip_pairs,
        *((f"left_{toe}", f"right_{toe}") for toe in _TOES),
        *((f"face-{i}", f"face-{j}") for i, j in _FACE_PAIRS),
        *zip(_hand("left"), _hand("right"), strict=True),
    ),
    sigmas=(
        *BODY.sigmas,
        0.068, 0.066, 0.066, 0.092, 0.094, 0.094,
        # Face: jaw, brows, nose, eyes, lips.
        0.042, 0.043, 0.044, 0.043, 0.04, 0.035, 0.031, 0.025, 0.02, 0.023, 0.029, 0.032, 0.037,
        0.038, 0.043, 0.041, 0.045,
        0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015,
        0.009, 0.007, 0.007, 0.007, 0.012, 0.009, 0.008, 0.016, 0.01,
        0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.01, 0.034,
        0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.01, 0.008, 0.009, 0.009, 0.009, 0.007,
        0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.01, 0.008,
        *_HAND_SIGMAS, *_HAND_SIGMAS,
    ),
    skeleton=(
        *BODY.skeleton,
        *((f"{side}_ankle", f"{side}_{toe}") for side in ("left", "right") for toe in _TOES),
        *_hand_limbs("left"), *_hand_limbs("right"),
    ),
    keypoint_colors=(
        *BODY.keypoint_colors,
        *(_ORANGE,) * 6, *(_WHITE,) * 68, *(_WHITE, *_FINGER_COLORS) * 2,
    ),
    skeleton_colors=(
        *BODY.skeleton_colors, *(_GREEN,) * 3, *(_ORANGE,) * 3, *_FINGER_COLORS * 2,
    ),
    part_fields=(
        ("keypoints", 17), ("foot_kpts", 6), ("face_kpts", 68),
        ("lefthand_kpts", 21), ("righthand_kpts", 21),
    ),
)
