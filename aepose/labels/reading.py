"""Read label files of any known format, which their content tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aepose.errors import ConfigError, DataError, nearest
from aepose.files import read_json, regular_file
from aepose.labels.coco import read_coco
from aepose.labels.content import Labels
from aepose.labels.deeplabcut import label_files, read_deeplabcut
from aepose.labels.label_studio import read_label_studio
from aepose.labels.nwb import read_nwb
from aepose.labels.originals import read_aic, read_mhp
from aepose.labels.predictions import read_coco_results, read_predictions
from aepose.labels.request import Request
from aepose.labels.sleap import read_sleap
from aepose.labels.ultralytics import read_ultralytics
from aepose.labels.yaml_files import read_yaml
from aepose.metainfo import Metainfo, get_metainfo

READERS: dict[str, Callable[[Request], Labels]] = {
    "coco": read_coco, "sleap": read_sleap, "ultralytics": read_ultralytics,
    "label-studio": read_label_studio, "nwb": read_nwb, "deeplabcut": read_deeplabcut,
    "aic": read_aic, "mhp": read_mhp, "aepose": read_predictions, "coco-results": read_coco_results,
}
"""Formats that are read -> their readers."""
_JSON = {"coco": dict, "label-studio": list, "aic": list, "coco-results": list}
_SUFFIXES = {".slp": "sleap", ".nwb": "nwb", ".csv": "deeplabcut", ".jsonl": "aepose"}


def read_labels(
    source: str | Path, format: str | None = None, images: str | Path | None = None,
    scorer: str | None = None, metainfo: Metainfo | str | None = None,
    annotations: str | Path | None = None, predictions: bool = False,
) -> Labels:
    """Return the labels in a file or folder; the report says what was changed and dropped.

    format: one of READERS; None: the content tells
    images: a folder in which to look for pictures and films, or a film
    scorer: whose labels are meant, where several people labelled the same
    metainfo: the keypoint set, where the file does not name its keypoints
    annotations: the COCO file of the pictures that a list of COCO results belongs to
    predictions: take predictions, too, where there are labels of people

    Raises DataError that names the file, and what in it is wrong, for what cannot be read, and
    ConfigError for an unknown format, and for a package that is missing.
    """
    path = Path(source)
    if format is not None and format not in READERS:
        raise ConfigError(f"format {format!r} cannot be read" + nearest(format, READERS))
    content = None
    if path.name.lower().endswith((".json", ".json.gz")):
        content = read_json(path, "label file")
    kind = format or _recognise(path, content)
    if kind in _JSON and not _is_entries(content, _JSON[kind]):
        raise DataError(f"{path}: no label file of the format {kind}, which is "
                        + ("an object" if _JSON[kind] is dict else "a list of objects")
                        + " as JSON")
    return READERS[kind](Request(
        path, content, None if images is None else Path(images), scorer,
        None if metainfo is None else get_metainfo(metainfo),
        None if annotations is None else Path(annotations), predictions))


def _is_entries(content: Any, kind: type) -> bool:
    return isinstance(content, kind) and (
        kind is dict or all(isinstance(entry, dict) for entry in content))


def _recognise(path: Path, content: Any) -> str:
    """Return the format of a file or folder; raises DataError for one that is not known."""
    if path.is_dir():
        return _recognise_folder(path)
    regular_file(path, what="label file")
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix in (".yaml", ".yml"):
        return "ultralytics" if "kpt_shape" in read_yaml(path) else "deeplabcut"
    if isinstance(content, dict):
        return "coco"
    if _is_entries(content, list) and content:
        entry = content[0]
        if "keypoint_annotations" in entry:
            return "aic"
        if "data" in entry:
            return "label-studio"
        if "score" in entry and "image_id" in entry:
            return "coco-results"
    raise DataError(f"{path}: not a label file that is known; say with --from which of "
                    f"{', '.join(READERS)} it is")


def _recognise_folder(path: Path) -> str:
    if (path / "pose_annos").is_dir() or any(path.glob("*/pose_annos")):
        return "mhp"
    if any("kpt_shape" in read_yaml(file) for file in sorted(path.glob("*.yaml"))):
        return "ultralytics"
    if (path / "config.yaml").is_file() or label_files(path):
        return "deeplabcut"
    raise DataError(f"{path}: a folder without labels that are known: DeepLabCut's "
                    "CollectedData_*.csv, Ultralytics' data.yaml, MHP's pose_annos; give the "
                    "label file, where it is one")
