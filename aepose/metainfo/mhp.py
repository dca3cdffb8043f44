"""MHP v2.0 keypoints (Zhao et al., Understanding Humans in Crowded Scenes: Deep Nested Adversarial
Learning and A New Benchmark for Multi-Human Parsing, ACM MM 2018)."""

from aepose.metainfo.structure import Metainfo

METAINFO = Metainfo(
    name="mhp",
    keypoint_names=(
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "pelvis", "thorax", "upper_neck", "head_top", "right_wrist", "right_elbow",
        "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    ),
    flip_pairs=(
        ("right_ankle", "left_ankle"), ("right_knee", "left_knee"), ("right_hip", "left_hip"),
        ("right_wrist", "left_wrist"), ("right_elbow", "left_elbow"),
        ("right_shoulder", "left_shoulder"),
    ),
    sigmas=(
        0.089, 0.083, 0.107, 0.107, 0.083, 0.089, 0.026, 0.026, 0.026, 0.026, 0.062, 0.072,
        0.179, 0.179, 0.072, 0.062,
    ),
    skeleton=(
        ("right_ankle", "right_knee"), ("right_knee", "right_hip"), ("right_hip", "pelvis"),
        ("pelvis", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
        ("pelvis", "thorax"), ("thorax", "upper_neck"), ("upper_neck", "head_top"),
        ("upper_neck", "right_shoulder"), ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"), ("upper_neck", "left_shoulder"),
        ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ),
    keypoint_colors=(
        (255, 128, 0), (255, 128, 0), (255, 128, 0), (0, 255, 0), (0, 255, 0), (0, 255, 0),
        (51, 153, 255), (51, 153, 255), (51, 153, 255), (51, 153, 255), (255, 128, 0),
        (255, 128, 0), (255, 128, 0), (0, 255, 0), (0, 255, 0), (0, 255, 0),
    ),
    skeleton_colors=(
        (255, 128, 0), (255, 128, 0), (255, 128, 0), (0, 255, 0), (0, 255, 0), (0, 255, 0),
        (51, 153, 255), (51, 153, 255), (51, 153, 255), (255, 128, 0), (255, 128, 0),
        (255, 128, 0), (0, 255, 0), (0, 255, 0), (0, 255, 0),
    ),
)
