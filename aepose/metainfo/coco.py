"""COCO keypoints (Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014)."""

from aepose.metainfo.structure import Metainfo

METAINFO = Metainfo(
    name="coco",
    keypoint_names=(
        "nose", "left_eye", "right_eye", "left_ear",
        "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip",
        "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle",
    ),
    flip_pairs=(
        ("left_eye", "right_eye"), ("left_ear", "right_ear"),
        ("left_shoulder", "right_shoulder"), ("left_elbow", "right_elbow"),
        ("left_wrist", "right_wrist"), ("left_hip", "right_hip"),
        ("left_knee", "right_knee"), ("left_ankle", "right_ankle"),
    ),
    sigmas=(
        0.026, 0.025, 0.025, 0.035, 0.035, 0.079,
        0.079, 0.072, 0.072, 0.062, 0.062, 0.107,
        0.107, 0.087, 0.087, 0.089, 0.089,
    ),
    skeleton=(
        ("left_ankle", "left_knee"), ("left_knee", "left_hip"),
        ("right_ankle", "right_knee"), ("right_knee", "right_hip"),
        ("left_hip", "right_hip"), ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"), ("left_shoulder", "right_shoulder"),
        ("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"),
        ("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"),
        ("left_eye", "right_eye"), ("nose", "left_eye"),
        ("nose", "right_eye"), ("left_eye", "left_ear"),
        ("right_eye", "right_ear"), ("left_ear", "left_shoulder"),
        ("right_ear", "right_shoulder"),
    ),
    keypoint_colors=(
        (51, 153, 255), (51, 153, 255), (51, 153, 255), (51, 153, 255),
        (51, 153, 255), (0, 255, 0), (255, 128, 0), (0, 255, 0),
        (255, 128, 0), (0, 255, 0), (255, 128, 0), (0, 255, 0),
        (255, 128, 0), (0, 255, 0), (255, 128, 0), (0, 255, 0),
        (255, 128, 0),
    ),
    skeleton_colors=(
        (0, 255, 0), (0, 255, 0), (255, 128, 0), (255, 128, 0),
        (51, 153, 255), (51, 153, 255), (51, 153, 255), (51, 153, 255),
        (0, 255, 0), (255, 128, 0), (0, 255, 0), (255, 128, 0),
        (51, 153, 255), (51, 153, 255), (51, 153, 255), (51, 153, 255),
        (51, 153, 255), (51, 153, 255), (51, 153, 255),
    ),
    # Hips come before elbows: the torso is the steadiest part of a body.
    grouping_order=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder",
        "right_shoulder", "left_hip", "right_hip",
    ),
)
