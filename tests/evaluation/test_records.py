"""Parts that are scored by themselves."""

from aepose.evaluation.records import WHOLE, parts_of
from aepose.metainfo import get_metainfo


def test_each_part_of_a_whole_body_has_its_own_sigmas():
    metainfo = get_metainfo("coco_wholebody")
    *parts, whole = parts_of(metainfo)
    assert [part.name for part in parts] == ["body", "foot", "face", "lefthand", "righthand"]
    assert sum((part.sigmas for part in parts), ()) == whole.sigmas == metainfo.sigmas
    assert [len(part.sigmas) for part in parts] == [17, 6, 68, 21, 21]
    assert whole.name == WHOLE


def test_a_body_is_one_part(coco):
    (part,) = parts_of(coco)
    assert (part.name, part.fields, part.sigmas) == ("keypoints", ("keypoints",), coco.sigmas)
