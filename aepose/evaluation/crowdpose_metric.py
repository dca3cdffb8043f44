"""CrowdPose's metric: AP in easy, medium and hard crowds (Li et al., CVPR 2019)."""

from __future__ import annotations

from os import PathLike
from typing import Any

from aepose.datasets.categories import Category
from aepose.datasets.values import is_number
from aepose.errors import ConfigError, DataError
from aepose.evaluation.backends import AUTO, MAX_DETECTIONS
from aepose.evaluation.coco_metric import CocoMetric
from aepose.evaluation.records import parts_of
from aepose.metainfo import Metainfo, get_metainfo
from aepose.registry import METRICS

# AP(M) is that of medium crowding here, not of people of medium size.
CROWD_METRIC_ORDER = (
    "AP", "AP50", "AP75", "AP(E)", "AP(M)", "AP(H)", "AR", "AR50", "AR75",
)
# Crowd index up to which a picture is easy, and from which it is hard.
CROWD_LIMITS = (0.2, 0.8)


@METRICS.register_module()
class CrowdPoseMetric(CocoMetric):
    """AP and AR as the CrowdPose benchmark counts them.

    Differs from CocoMetric in that areas are taken from boxes, that a person counts if the file's
    ``num_keypoints`` is not 0, and in AP(E), AP(M) and AP(H), over the pictures with a
    ``crowdIndex`` below, between and above CROWD_LIMITS. These three are rounded to 4 decimals;
    they are -1 where there is no such picture.

    Raises, besides what CocoMetric raises, DataError for a picture without a ``crowdIndex`` and
    ConfigError for keypoints of several classes or fields.
    """

    counts_keypoints = False
    columns = ("AP", "AP50", "AP75", "AP(E)", "AP(M)", "AP(H)", "AR", "AR50")

    def __init__(self, metainfo: Metainfo | str, ann_file: str | PathLike[str],
                 nms: str | None = None, oks_threshold: float = 0.9, backend: str = AUTO,
                 collect_device: str = "cpu", prefix: str | None = "coco",
                 category: Category = None,
                 max_detections: int = MAX_DETECTIONS, extras: bool = False) -> None:
        parts = parts_of(get_metainfo(metainfo))
        if len(parts) > 1:
            raise ConfigError(f"CrowdPoseMetric counts one set of keypoints in one field, not "
                              f"{', '.join(part.name for part in parts)}; use CocoMetric")
        super().__init__(metainfo, ann_file, nms, oks_threshold, use_area=False, backend=backend,
                         collect_device=collect_device, prefix=prefix, category=category,
                         max_detections=max_detections, extras=extras)
        self.image_groups = _group_by_crowding(self.ground_truth.images, ann_file)

    def summarise(self) -> dict[str, float]:
        """Return the metrics by name in CROWD_METRIC_ORDER."""
        (part,) = self.scored
        stats = dict(self.parts[part.name].stats)
        for name, image_ids in self.image_groups.items():
            stats[name] = round(self.score(part, image_ids).stats["AP"], 4)
        return {name: stats[name] for name in CROWD_METRIC_ORDER}


def _group_by_crowding(
    images: list[dict[str, Any]], ann_file: str | PathLike[str]
) -> dict[str, list[int]]:
    """Return the ids of the easy, medium and hard pictures by the name of their metric."""
    groups: dict[str, list[int]] = {"AP(E)": [], "AP(M)": [], "AP(H)": []}
    easy, hard = CROWD_LIMITS
    for image in images:
        crowding = image.get("crowdIndex")
        if not is_number(crowding):
            raise DataError(f"{ann_file}: image {image['id']!r} has "
                            f"{'no' if crowding is None else 'a bad'} 'crowdIndex'; CrowdPose's "
                            "metric needs this number, for other data use CocoMetric")
        name = "AP(E)" if crowding < easy else "AP(H)" if crowding >= hard else "AP(M)"
        groups[name].append(image["id"])
    return groups
