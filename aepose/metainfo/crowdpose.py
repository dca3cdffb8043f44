"""CrowdPose keypoints (Li et al., CrowdPose: Efficient Crowded Scenes Pose Estimation and A New
Benchmark, CVPR 2019)."""

from aepose.metainfo.structure import Metainfo

METAINFO = Metainfo(
    name="crowdpose",
    keypoint_names=(
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
        "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle", "top_head", "neck",
    ),
    flip_pairs=(
        ("left_shoulder", "right_shoulder"), ("left_elbow", "right_elbow"),
        ("left_wrist", "right_wrist"), ("left_hip", "right_hip"), ("left_knee", "right_knee"),
        ("left_ankle", "right_ankle"),
    ),
    sigmas=(
        0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
        0.079, 0.079,
    ),
    skeleton=(
        ("left_ankle", "left_knee"), ("left_knee", "left_hip"), ("right_ankle", "right_knee"),
        ("right_knee", "right_hip"), ("left_hip", "right_hip"), ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"), ("left_shoulder", "right_shoulder"),
        ("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"),
        ("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"), ("top_head", "neck"),
        ("right_shoulder", "neck"), ("left_shoulder", "neck"),
    ),
    keypoint_colors=(
        (51, 153, 255), (51, 153, 255), (51, 153, 255), (51, 153, 255), (51, 153, 255),
        (0, 255, 0), (255, 128, 0), (0, 255, 0), (255, 128, 0), (0, 255, 0), (255, 128, 0),
        (0, 255, 0), (255, 128, 0), (0, 255, 0),
    ),
    # Its own files say so.
    aliases=(("head", "top_head"),),
    skeleton_colors=(
        (0, 255, 0), (0, 255, 0), (255, 128, 0), (255, 128, 0), (51, 153, 255), (51, 153, 255),
        (51, 153, 255), (51, 153, 255), (0, 255, 0), (255, 128, 0), (0, 255, 0), (255, 128, 0),
        (51, 153, 255), (51, 153, 255), (51, 153, 255),
    ),
)
