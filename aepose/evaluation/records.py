"""Result records, and the sets of keypoints that are scored by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aepose.metainfo import Metainfo

Record = dict[str, Any]
WHOLE = "wholebody"


@dataclass(frozen=True)
class Part:
    """Keypoints that are scored together.

    name: 'keypoints' for a data set with one annotation field; otherwise 'body', 'foot', … after
        the field, and 'wholebody' for all of them; of several classes that of the class
    fields: the fields of annotations and records that hold the keypoints, in order
    sigmas: per-keypoint constants of the OKS
    class_id: whose keypoints these are, an index into the metainfo's ``classes``; people of other
        classes are neither compared nor counted
    whole: whether these are all keypoints of the class; the headline is the mean over such parts
    """

    name: str
    fields: tuple[str, ...]
    sigmas: tuple[float, ...]
    class_id: int = 0
    whole: bool = True

    @property
    def score_key(self) -> str:
        """Where a record may hold a score of its own for this part; that of a body has no other."""
        return "score" if self.fields == ("keypoints",) else f"{self.name}_score"


def parts_of(metainfo: Metainfo) -> tuple[Part, ...]:
    """Return what is scored of a data set: each annotation field, and all together as the last.

    Of several classes, each by its name.

    >>> from aepose.metainfo import get_metainfo
    >>> [part.name for part in parts_of(get_metainfo('coco_wholebody'))]
    ['body', 'foot', 'face', 'lefthand', 'righthand', 'wholebody']
    """
    if len(metainfo.classes) > 1:
        return tuple(Part(one.name, ("keypoints",), one.metainfo.sigmas, index)
                     for index, one in enumerate(metainfo.classes))
    fields = metainfo.annotation_fields
    names = tuple(name for name, _ in fields)
    if len(fields) == 1:
        return (Part(names[0], names, metainfo.sigmas),)
    parts, start = [], 0
    for field, count in fields:
        name = "body" if field == "keypoints" else field.removesuffix("_kpts")
        parts.append(Part(name, (field,), metainfo.sigmas[start : start + count],
                          whole=False))
        start += count
    return (*parts, Part(WHOLE, names, metainfo.sigmas))
