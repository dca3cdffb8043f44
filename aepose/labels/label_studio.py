"""Label Studio's JSON: a task for each picture, with keypoints and boxes in percent of it."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from aepose.datasets.values import shown
from aepose.errors import DataError
from aepose.labels.content import Labels, LabelsBuilder, checked_pairs
from aepose.labels.pictures import PictureFinder, picture_size
from aepose.labels.request import Request

HIDDEN = "hidden"
"""What the meta text of a hidden keypoint says; Label Studio has no such flag of its own."""
NAMES = "keypoint_names"
"""In the meta of a task: class -> names, skeleton and flip_pairs, which its JSON does not say."""
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")  # what an upload puts before a file's name
# Of a region, where they are there.
_FIELDS = {"id": str | int | None, "parentID": str | int | None, "from_id": str | int | None,
           "to_id": str | int | None, "type": str, "value": dict | None, "meta": dict | None}
_NO_CLASS = "creature"  # of keypoints without a box
_Group = tuple[str, dict[str, Any] | None, list[dict[str, Any]]]  # class, box, keypoints


def read_label_studio(request: Request) -> Labels:
    """Return the labels of an export as JSON.

    A creature is a box with the keypoints that belong to it (by parentID or a relation) or, in a
    task without boxes, all keypoints. Tasks that nobody has finished are left out. Predictions are
    taken where no task has an annotation.

    Raises DataError that names the task for what cannot be read, and if two people labelled one.
    """
    tasks, builder = request.content, LabelsBuilder(request.path)
    finder = PictureFinder(request.path, request.images, builder.report)
    key = "annotations" if any(t.get("annotations") for t in tasks) else "predictions"
    found = [(task, answer) for number, task in enumerate(tasks)
             if (answer := _answer(task, key, f"{request.path}: task {task.get('id', number)}",
                                   request, builder)) is not None]
    groups = [_groups(answer, f"{request.path}: task {task.get('id')}", builder)
              for task, answer in found]
    categories = _categories(found, groups, request, builder)
    for (task, answer), creatures in zip(found, groups, strict=True):
        path = finder.find(*_names(task, request))
        if path is None:
            continue
        size = picture_size(path)  # percents are of the picture, also if it was resized since
        image = builder.image(path, size)
        for name, box, keypoints in creatures:
            number, names = categories[name]
            builder.annotate(image, number, _points(keypoints, names, size, task, request),
                             box=box and _box(box, size), **_scores(key, answer, box))
    finder.check()
    return builder.labels()


def _answer(task: dict[str, Any], key: str, where: str, request: Request,
            builder: LabelsBuilder) -> dict[str, Any] | None:
    """Return the annotation or prediction of a task; None for one that is not finished."""
    given = task.get(key) or []
    if not isinstance(given, list) or not all(
            isinstance(a, dict) and isinstance(a.get("result"), list) for a in given):
        raise DataError(f"{where}: '{key}' must be a list of objects with 'result'; export as "
                        "JSON, not as JSON-MIN")
    for region in (item for a in given for item in a["result"]):
        if not isinstance(region, dict) or not all(
                isinstance(region.get(name), kind) for name, kind in _FIELDS.items()):
            raise DataError(f"{where}: the region {shown(region)} is not as Label Studio's are")
    done = [a for a in given if not a.get("was_cancelled")]
    if request.scorer is not None and key == "annotations":
        done = [a for a in done if request.scorer in _annotator(a)]
    if not done:
        builder.report.add("dropped", "tasks that were skipped, or are not labelled yet",
                           first=task.get("id", ""))
        return None
    if len(done) > 1 and key == "annotations":
        who = [_annotator(a)[0] for a in done]
        raise DataError(f"{where} is labelled {len(done)} times, by {' and by '.join(who)}"
                        "; say with --scorer whose labels are meant")
    return done[-1]


def _annotator(annotation: dict[str, Any]) -> list[str]:
    """Return what an annotator is called: the address, the id."""
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        return [str(by[key]) for key in ("email", "id") if key in by] or ["?"]
    return [str(by)]


def _groups(answer: dict[str, Any], where: str, builder: LabelsBuilder) -> list[_Group]:
    """Return the creatures of a task."""
    boxes: dict[str, dict[str, Any]] = {}
    keypoints, owner = [], {}
    for item in answer["result"]:
        kind = item.get("type")
        if kind == "rectanglelabels":
            boxes[item.get("id", "")] = item
        elif kind == "keypointlabels":
            keypoints.append(item)
        elif kind == "relation":
            owner[item.get("from_id")] = item.get("to_id")
            owner.setdefault(item.get("to_id"), item.get("from_id"))
        else:
            builder.report.add("dropped", f"Label Studio's {kind}", first=where)
    if not boxes:
        return [(_NO_CLASS, None, keypoints)] if keypoints else []
    own = defaultdict(list)
    for item in keypoints:
        parent = item.get("parentID") or owner.get(item.get("id"))
        if parent in boxes:
            own[parent].append(item)
        else:
            builder.report.add("dropped", "keypoints that belong to no box", first=where)
    found = [(_first_label(item, where), item, own[number]) for number, item in boxes.items()]
    builder.report.add("changed", "turned boxes, taken as upright", sum(
        bool(item["value"].get("rotation")) for item in boxes.values()), where)
    return found


def _first_label(item: dict[str, Any], where: str) -> str:
    labels = (item.get("value") or {}).get(item["type"])
    if not isinstance(labels, list) or not labels:
        raise DataError(f"{where}: a region of type {item['type']} has no label")
    return str(labels[0])


def _categories(found: list[tuple[dict[str, Any], Any]], groups: list[list[_Group]],
                request: Request, builder: LabelsBuilder) -> dict[str, tuple[int, list[str]]]:
    """Add the classes; return id and keypoint names of each.

    Names stand in the order of the metainfo, of the tasks' meta, or else as they first appear.
    """
    used: dict[str, dict[str, None]] = defaultdict(dict)
    for (task, _), creatures in zip(found, groups, strict=True):
        where = f"{request.path}: task {task.get('id')}"
        for name, _, keypoints in creatures:
            used[name] |= dict.fromkeys(_first_label(item, where) for item in keypoints)
    known = next((t["meta"][NAMES] for t, _ in found if isinstance(t.get("meta"), dict)
                  and isinstance(t["meta"].get(NAMES), dict)), {})
    categories = {}
    for name in [*known, *(n for n in used if n not in known)]:
        told = known.get(name) or {}
        if not isinstance(told, dict) or not isinstance(told.get("names", []), list) or not all(
                isinstance(n, str) for n in told.get("names", [])):
            raise DataError(f"{request.path}: {NAMES} in the meta of its tasks is not as aepose "
                            "writes it")
        names = list(told.get("names") or used[name])
        if request.metainfo is not None:
            names = list(request.metainfo.keypoint_names)
            told = {"skeleton": request.metainfo.skeleton,
                    "flip_pairs": request.metainfo.flip_pairs}
        elif not told:
            builder.report.add("changed", "order of the keypoints: as they first appear "
                               "(--metainfo gives another)", first=", ".join(names))
        new = [n for n in used.get(name, ()) if n not in names]
        if new:
            raise DataError(f"{request.path}: keypoints {', '.join(new)} of '{name}' are not among "
                            f"those that are known ({', '.join(names)})")
        if names:
            categories[name] = builder.category(
                name, names, checked_pairs(told.get("skeleton"), f"the skeleton of {name}"),
                checked_pairs(told.get("flip_pairs"), f"flip_pairs of {name}")), names
    for name in [n for n in used if n not in categories]:
        count = sum(group[0] == name for creatures in groups for group in creatures)
        builder.report.add("dropped", f"boxes of '{name}', without keypoints", count)
        for creatures in groups:
            creatures[:] = [group for group in creatures if group[0] != name]
    return categories


def _names(task: dict[str, Any], request: Request) -> tuple[str, str]:
    """Return the name of a task's picture, and that without what an upload puts before it."""
    data = task.get("data")
    address = next((v for v in data.values() if isinstance(v, str) and v), None) if isinstance(
        data, dict) else None
    address = data.get("image", address) if address else address
    if not isinstance(address, str):
        raise DataError(f"{request.path}: task {task.get('id')} names no picture in its data")
    parts = urlsplit(address)
    name = parse_qs(parts.query).get("d", [unquote(parts.path)])[0].lstrip("/")
    folder, _, last = name.rpartition("/")
    return name, f"{folder}/{_UPLOAD.sub('', last)}"


def _points(keypoints: list[dict[str, Any]], names: list[str], size: tuple[int, int],
            task: dict[str, Any], request: Request) -> np.ndarray:
    points = np.full((len(names), 3), np.nan)
    where = f"{request.path}: task {task.get('id')}"
    for item in keypoints:
        k = names.index(_first_label(item, where))
        if not np.isnan(points[k, 0]):
            raise DataError(f"{where}: a creature has two keypoints {names[k]!r}; draw a box "
                            "around each creature and link its keypoints to it")
        texts = (item.get("meta") or {}).get("text")
        hidden = isinstance(texts, (list, str)) and HIDDEN in texts
        points[k] = *_percent(item, ("x", "y"), where) * size / 100, 1 if hidden else 2
    return points


def _percent(item: dict[str, Any], keys: tuple[str, ...], where: str) -> np.ndarray:
    values = [item["value"].get(key) for key in keys]
    if not all(type(v) in (int, float) for v in values):
        raise DataError(f"{where}: {item['type']} has {dict(zip(keys, values, strict=True))}; they "
                        "must be numbers, in percent of the picture")
    return np.array(values, np.float64)


def _box(item: dict[str, Any], size: tuple[int, int]) -> list[float]:
    values = _percent(item, ("x", "y", "width", "height"), f"box {item.get('id')}")
    return (values * (*size, *size) / 100).tolist()


def _scores(key: str, answer: dict[str, Any], box: dict[str, Any] | None) -> dict[str, Any]:
    """Return the score of a prediction: its box's, or that of the whole picture."""
    if key == "annotations":
        return {}
    score = (box or {}).get("score", answer.get("score"))
    return {"score": float(score) if type(score) in (int, float) else 0.0}
