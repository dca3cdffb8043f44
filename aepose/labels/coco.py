"""COCO's keypoint files: read with the checks of training, and written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from aepose.datasets.annotations import check_annotations
from aepose.datasets.values import Notes, are_numbers, checked_id, is_number, shown
from aepose.errors import DataError
from aepose.evaluation.ground_truth import BOX_SHARE
from aepose.files import make_folder, write_json
from aepose.labels.content import Labels, box_around, checked_pairs, count_content, points_of
from aepose.labels.pictures import PictureFinder, likely_folders, picture_size, write_frames
from aepose.labels.report import Report
from aepose.labels.request import Request
from aepose.metainfo import Metainfo
from aepose.metainfo.own import make_metainfo

_SIGMA = 0.05  # which nobody reads here


def read_coco(request: Request) -> Labels:
    """Return the labels of a COCO file; all its categories, and whatever else it holds, stay.

    Raises DataError as :func:`~aepose.datasets.annotations.load_annotations`, and for keypoints
    that nobody names.
    """
    data, path, report = request.content, request.path, Report()
    for key in ("images", "annotations", "categories"):
        if not isinstance(data.get(key), list) or not all(isinstance(e, dict) for e in data[key]):
            raise DataError(f"{path}: '{key}' is missing, or no list of objects; a COCO annotation "
                            "file has 'images', 'annotations' and 'categories'")
    known = [entry.get("id") for entry in data["categories"]]
    for annotation in data["annotations"]:
        if annotation.get("category_id") not in known and len(known) != 1:
            raise DataError(f"{path}: annotation {shown(annotation.get('id'))} has the category_id "
                            f"{shown(annotation.get('category_id'))}, which 'categories' does not "
                            f"have; there is {', '.join(map(str, known))}")
    for entry, metainfo in _with_keypoints(data, request):
        _check(data, path, entry, metainfo, report)
    _check_more(data, path)
    computed = _add_boxes(data)
    count_content(data, report)
    folders = [request.images] if request.images else likely_folders(path, data["images"])
    if len(folders) != 1:
        report.add("kept", "names of pictures that were not found, as they are (--images says in "
                   "which folder they lie)", len(data["images"]))
        return Labels(data, path.parent, report=report, computed=computed)
    (folder,) = folders
    finder = PictureFinder(path, folder, report)
    for image in data["images"]:
        found = finder.find(image["file_name"])
        if found is not None:
            _check_size(image, found, path, report)
            image["file_name"] = found.relative_to(folder).as_posix()
    report.add("kept", "names of pictures that are not there", len(finder.missing),
               *finder.missing[:1])
    return Labels(data, folder, report=report, computed=computed)


def _check_size(image: dict[str, Any], picture: Path, path: Path, report: Report) -> None:
    """Refuse a picture of another size than the file gives: its keypoints lie elsewhere."""
    given, size = (image["width"], image["height"]), picture_size(picture)
    if given == size:
        return
    if given != picture_size(picture, upright=False):
        raise DataError(f"{picture} is {size[0]}x{size[1]}, but {path} gives {given[0]}x{given[1]} "
                        f"for image id {image['id']!r}; one of them is wrong")
    report.add("kept", "pictures whose labels are as they are stored, not as their EXIF "
               "orientation turns them: other programs may turn them", first=picture)


def write_coco(labels: Labels, target: Path, frames: str) -> Labels:
    """Write a COCO file, and frames of films as pictures to the folder ``<target>_frames``."""
    labels = write_frames(labels, target.with_name(f"{target.stem}_frames"), frames)
    make_folder(target.parent)
    write_json(target, labels.data)
    return labels


def _with_keypoints(data: dict[str, Any],
                    request: Request) -> list[tuple[dict[str, Any] | None, Metainfo]]:
    """Return the categories that have keypoints, each with what names them.

    With the metainfo of the request it is for the file to say which category fits, None.
    """
    if request.metainfo is not None:
        return [(None, request.metainfo)]
    found = [(entry, _metainfo_of(entry, request.path))
             for entry in data["categories"] if entry.get("keypoints")]
    if not found:
        raise DataError(f"{request.path}: no category lists the names of its 'keypoints'; give "
                        "them with --metainfo: a keypoint set such as coco, or a file")
    return found


def _metainfo_of(entry: dict[str, Any], path: Path) -> Metainfo:
    names = entry["keypoints"]
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise DataError(f"{path}: the 'keypoints' of category {shown(entry.get('id'))} are "
                        f"{shown(names)}; they must be a list of names")
    if len(set(names)) != len(names):
        raise DataError(f"{path}: two keypoints of category {shown(entry.get('id'))} have one name "
                        f"({shown(names)}); give the names with --metainfo")
    pairs = entry.get("skeleton") or ()
    if not isinstance(pairs, (list, tuple)) or not all(isinstance(p, list) and len(p) == 2 and all(
            isinstance(k, int) and 1 <= k <= len(names) for k in p) for p in pairs):
        raise DataError(f"{path}: the 'skeleton' of category {shown(entry.get('id'))} must be a "
                        f"list of pairs of numbers from 1 to {len(names)}")
    return make_metainfo({"name": str(entry.get("name") or entry.get("id")), "flip_pairs": [],
                          "keypoint_names": names, "sigmas": [_SIGMA] * len(names)})


def _check(data: dict[str, Any], path: Path, entry: dict[str, Any] | None, metainfo: Metainfo,
           report: Report) -> None:
    """Check the annotations of one category, in place; complete its names."""
    alone = entry is None or len(data["categories"]) == 1
    own = data["annotations"] if alone else [
        a for a in data["annotations"] if a.get("category_id") == entry["id"]]
    part = {**data, "annotations": own,
            "categories": data["categories"] if entry is None else [entry]}
    notes = Notes(path)
    check_annotations(part, path, metainfo, notes=notes)
    for text, count, first in notes.entries():
        report.add("changed", text, count, first)
    names = list(metainfo.keypoint_names[:metainfo.annotation_fields[0][1]])
    chosen = {category["id"]: category for category in part["categories"]}
    for category in chosen.values():
        category["keypoints"] = names
        if entry is None:
            category["flip_pairs"] = [list(p) for p in metainfo.flip_pairs if {*p} <= {*names}]
            category["skeleton"] = [[names.index(n) + 1 for n in pair]
                                    for pair in metainfo.skeleton if {*pair} <= {*names}]
    data["categories"] = [chosen.get(c["id"], c) for c in data["categories"]]


def _check_more(data: dict[str, Any], path: Path) -> None:
    """Check what COCO does not have, but labels may: pairs, tracks and scores."""
    for category in data["categories"]:
        names = category.get("keypoints") or []
        where = f"{path}: 'flip_pairs' of category {shown(category['id'])}"
        for pair in checked_pairs(category.get("flip_pairs"), where):
            if not {*pair} <= {*names}:
                raise DataError(f"{where} names {pair[0]!r} and {pair[1]!r}, which are not both "
                                "among its keypoints")
    for annotation in data["annotations"]:
        where = f"{path}: annotation {shown(annotation['id'])}"
        scores = annotation.get("keypoint_scores")
        if annotation.get("track_id") is not None:
            annotation["track_id"] = checked_id(annotation["track_id"], "track_id", where)
        if not is_number(annotation.get("score") or 0.0) or not (scores is None or are_numbers(
                scores, len(annotation.get("keypoints") or ()) // 3)):
            raise DataError(f"{where}: 'score' must be a number, and 'keypoint_scores' one for "
                            "each keypoint")
    tracks = data.get("tracks") or []
    if not isinstance(tracks, list) or not all(
            isinstance(track, dict) and isinstance(track.get("id"), (int, str))
            and isinstance(track.get("name"), str) for track in tracks):
        raise DataError(f"{path}: 'tracks' must be a list of objects with 'id' and 'name'")


def _add_boxes(data: dict[str, Any]) -> Counter[str]:
    """Give people with labelled keypoints the boxes and areas that they lack; count these."""
    computed: Counter[str] = Counter()
    sizes = {image["id"]: (image["width"], image["height"]) for image in data["images"]}
    for person in data["annotations"]:
        if not any(v > 0 for v in (person.get("keypoints") or ())[2::3]):
            continue
        if person.get("bbox") is None:
            points = points_of(person)
            person["bbox"] = box_around(points[points[:, 2] > 0, :2], sizes[person["image_id"]])
            computed["bbox"] += 1
        if person.get("area") is None:
            person["area"] = round(BOX_SHARE * person["bbox"][2] * person["bbox"][3], 3)
            computed["area"] += 1
    return computed
