"""Results as plain values: one dict per picture, or one row per person for long files.

A dict of a picture holds ``image`` (path), ``width``, ``height``, ``metainfo`` (the name of the
keypoint set), ``seconds``, where they are known ``image_id``, ``dataset``, ``frame``, ``time``, and
``people``: for each ``score``, ``box`` (x0, y0, x1, y1), ``keypoints`` (name -> [x, y, score,
found], the last 1 or 0), ``tags`` (K lists of L), in a film ``identity`` and of several classes
``class``, whose own keypoints these are. Positions are pixels of the picture as loaded. Numbers are
written as short as float32 allows and read back to the last bit.

A row is the same for one person: the picture's keys, ``person`` (its number) and the person's. A
picture without people has one row, whose ``person`` is null, and one that could not be read a row
with an ``error`` alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from aepose.errors import DataError
from aepose.metainfo import Metainfo, get_metainfo

if TYPE_CHECKING:
    from aepose.results.result import PoseResult

_UNKNOWN = -1  # the identity of a person without one
# Of a picture, where it says more than this.
_OPTIONAL = {"image_id": -1, "dataset": "", "frame": None, "time": None}


def to_dict(result: PoseResult) -> dict[str, Any]:
    """Return the dict of a picture."""
    metainfo = result.known_metainfo
    joints = np.stack([result.keypoints[..., 0], result.keypoints[..., 1],
                       result.keypoint_scores], axis=-1)
    people = [
        {"score": score, "box": None if any(map(math.isnan, box)) else box,
         **({} if result.identities is None else {"identity": _known(result.identities[p])}),
         **_own(metainfo, int(result.class_ids[p]), rows, result.found[p], tags)}
        for p, (score, box, rows, tags) in enumerate(zip(
            _plain(result.scores), _plain(result.boxes), _plain(joints), _plain(result.tags),
            strict=True))]
    width, height = result.image_size
    known = {key: value for key, unknown in _OPTIONAL.items()
             if (value := getattr(result, key)) != unknown}
    return {"image": result.image_path, "width": width, "height": height, **known,
            "metainfo": metainfo.name,
            "seconds": {stage: round(s, 6) for stage, s in result.seconds.items()},
            "people": people}


def _own(metainfo: Metainfo, index: int, rows: list, found: np.ndarray, tags: list
         ) -> dict[str, Any]:
    """Return what is said of a person's keypoints: those of its class, under their own names."""
    own = metainfo.classes[index]
    names, which = own.metainfo.keypoint_names, own.keypoints
    return {**({"class": own.name} if len(metainfo.classes) > 1 else {}),
            "keypoints": {name: [*values, int(seen)] for name, values, seen in zip(
                names, rows[which], found[which], strict=True)},
            "tags": tags[which]}


def to_json(result: PoseResult) -> str:
    """Return the dict of a picture as JSON."""
    return json.dumps(to_dict(result), ensure_ascii=False, allow_nan=False)


def to_rows(result: PoseResult) -> list[dict[str, Any]]:
    """Return a row per person, without the seconds, which differ from run to run."""
    picture = to_dict(result)
    people = picture.pop("people")
    del picture["seconds"]
    if not people:
        return [{**picture, "person": None}]
    return [{**picture, "person": number, **person} for number, person in enumerate(people)]


def row_line(row: Mapping[str, Any]) -> str:
    """Return a row as a line of a file."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the dict of each picture; the rows of a picture follow each other."""
    own = ("image", "width", "height", *_OPTIONAL, "metainfo")
    for _, group in groupby(rows, key=lambda row: (row.get("image"), row.get("frame"))):
        group = list(group)
        picture = {key: group[0][key] for key in own if key in group[0]}
        yield {**picture, "people": [
            {key: value for key, value in row.items() if key not in own}
            for row in group if row.get("person") is not None]}


def load(text: str) -> Any:
    """Read JSON; raises DataError for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"a result as text must be JSON: {error}") from None


def parse(content: Mapping[str, Any], metainfo: Metainfo | str | None = None) -> dict[str, Any]:
    """Return the arguments of a PoseResult from the dict of a picture.

    metainfo: instead of the one that the dict names

    Raises DataError that names the key for a dict of another kind, ConfigError for a keypoint set
    that aepose does not know.
    """
    key = "people"
    try:
        people = list(content["people"])
        key = "metainfo"
        keypoints = get_metainfo(metainfo if metainfo is not None else content["metainfo"])
        key = "width"
        size = int(content["width"]), int(content["height"])
        classes = {one.name: one.metainfo for one in keypoints.classes}
        key = "class"
        # Of a set with one class nobody says it.
        names = ([person["class"] for person in people] if len(classes) > 1 else
                 [*classes] * len(people))
        class_ids = [[*classes].index(name) for name in names]
        key = "keypoints"
        joints = keypoints.spread(
            [[person["keypoints"][k] for k in classes[name].keypoint_names]
             for person, name in zip(people, names, strict=True)], class_ids, np.float64, (4,))
        key = "score"
        scores = np.array([person["score"] for person in people], np.float32).reshape(-1)
        key = "tags"
        tags = keypoints.spread([person["tags"] for person in people], class_ids, np.float64,
                                (len(people[0]["tags"][0]) if people else 1,))
        key = "identity"
        known = [_UNKNOWN if person["identity"] is None else person["identity"]
                 for person in people if "identity" in person]
        identities = np.array(known, np.int64) if len(known) == len(people) and people else None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"a result's '{key}' is missing or not as it should be ({error}); see "
                        "aepose.results.rows") from None
    return {
        "keypoints": joints[..., :2].astype(np.float32), "scores": scores,
        "keypoint_scores": joints[..., 2].astype(np.float32), "found": joints[..., 3] > 0,
        "tags": tags.astype(np.float32), "identities": identities, "metainfo": keypoints,
        "class_ids": np.array(class_ids, np.int64),
        "image_path": str(content.get("image", "")), "image_size": size,
        "seconds": dict(content.get("seconds", {})),
        **{key: content.get(key, unknown) for key, unknown in _OPTIONAL.items()},
    }


def _known(identity: int) -> int | None:
    return None if identity == _UNKNOWN else int(identity)


def _plain(array: np.ndarray) -> list[Any]:
    """Return float32 values as the shortest numbers that are read back as the same."""
    return array.astype(np.float32).astype("U16").astype(np.float64).tolist()
