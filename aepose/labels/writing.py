"""Write labels in any known format, and count what it cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aepose.errors import ConfigError, DataError, nearest
from aepose.labels.coco import write_coco
from aepose.labels.content import COMPUTED, Labels
from aepose.labels.deeplabcut_out import write_deeplabcut
from aepose.labels.label_studio_out import write_label_studio
from aepose.labels.nwb import write_nwb
from aepose.labels.sleap import write_sleap
from aepose.labels.ultralytics import write_ultralytics

WRITERS: dict[str, Callable[[Labels, Path, str], Labels]] = {
    "coco": write_coco, "sleap": write_sleap, "ultralytics": write_ultralytics,
    "label-studio": write_label_studio, "nwb": write_nwb, "deeplabcut": write_deeplabcut,
}
"""Formats that are written -> their writers."""
_SUFFIXES = {".json": "coco", ".slp": "sleap", ".nwb": "nwb", ".csv": "deeplabcut"}
_FRAMES = ("png", "jpg")
# What else than keypoints each format holds; COCO's holds all.
_HOLDS = {
    "sleap": {"hidden", "score", "keypoint_scores", "track_id", "nobody", "skeleton", "flip_pairs"},
    "nwb": {"nobody", "skeleton"},
    "ultralytics": {"hidden", "bbox", "nobody", "flip_pairs", "skeleton"},
    "label-studio": {"hidden", "bbox", "score", "nobody", "skeleton", "flip_pairs"},
    "deeplabcut": {"keypoint_scores", "track_id", "skeleton"},
}
_WORDS = {"track_id": "tracks of creatures", "score": "scores of creatures",
          "keypoint_scores": "scores of creatures' keypoints"}
_PLAIN = {"id", "image_id", "category_id", "keypoints", "num_keypoints", "iscrowd", "bbox", "area"}


def write_labels(labels: Labels, target: str | Path, format: str | None = None,
                 frames: str = "png") -> Labels:
    """Write labels to a file or folder; return them as written, with their ``folder``.

    format: one of WRITERS; None: by the name of the target
    frames: ``png`` or ``jpg``, for frames of films where a format needs pictures

    What the format cannot hold is counted in the report. Raises ConfigError for an unknown format,
    DataError for labels that it cannot hold at all, OutputError for a file that cannot be written.
    """
    target = Path(target)
    kind = format or _SUFFIXES.get(target.suffix.lower())
    if kind is None or not target.name:
        raise ConfigError(f"{target}: the name does not say the format; say it with --to: "
                          f"{', '.join(WRITERS)}")
    if kind not in WRITERS:
        raise ConfigError(f"format {kind!r} cannot be written" + nearest(kind, WRITERS))
    if frames not in _FRAMES:
        raise ConfigError(f"--frames {frames}: {' or '.join(_FRAMES)}")
    for field, text in COMPUTED.items():
        if kind == "coco" or field in _HOLDS[kind]:
            labels.report.add("changed", text, labels.computed[field])
    return WRITERS[kind](labels if kind == "coco" else _held(labels, kind, target), target, frames)


def _held(labels: Labels, kind: str, target: Path) -> Labels:
    """Return what a format holds of the labels, and count the rest as dropped."""
    holds, add = _HOLDS[kind], labels.report.add
    categories, people = labels.categories(), []
    for annotation in labels.data["annotations"]:
        first = annotation["id"]
        if annotation["category_id"] not in categories:
            add("dropped", "annotations of classes without keypoints", first=first)
        elif annotation.get("iscrowd"):
            add("dropped", "crowds", first=first)
        elif not any(v > 0 for v in annotation["keypoints"][2::3]):
            add("dropped", "annotations without a labelled keypoint", first=first)
        else:
            people.append(annotation)
            _count_losses(annotation, holds, add)
    for field, word in (("bbox", "boxes"), ("area", "areas")):
        if field not in holds:
            add("dropped", word, sum(a.get(field) is not None for a in people)
                - labels.computed[field])
    if not people:
        raise DataError(f"{target}: there is no creature with labelled keypoints to write")
    images = labels.data["images"]
    if "nobody" not in holds:
        shown = {annotation["image_id"] for annotation in people}
        add("dropped", "pictures in which nobody is labelled",
            sum(image["id"] not in shown for image in images))
        images = [image for image in images if image["id"] in shown]
    for key in ("skeleton", "flip_pairs"):
        if key not in holds:
            add("dropped", f"{key.replace('_', ' ')} of classes",
                sum(bool(category.get(key)) for category in categories.values()))
    data = {"images": images, "annotations": people, "categories": list(categories.values()),
            "tracks": labels.data.get("tracks", [])}
    numbers = {image["id"] for image in images}
    kept = {number: frame for number, frame in labels.frames.items() if number in numbers}
    return Labels(data, labels.folder, kept, labels.report, labels.computed)


def _count_losses(annotation: dict[str, Any], holds: set[str], add: Callable[..., None]) -> None:
    """Count what a format cannot hold of a creature."""
    first = annotation["id"]
    if "hidden" not in holds:
        add("changed", "hidden keypoints, as visible ones",
            sum(0 < v <= 1 for v in annotation["keypoints"][2::3]), first)
    for key, value in annotation.items():
        if key in holds or key in _PLAIN or value in (None, [], {}, ""):
            continue
        add("dropped", _WORDS.get(key, f"'{key}' of annotations"), first=first)
