"""NWB files with ndx-pose's PoseTraining: labels, as SLEAP and others write them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from aepose.errors import DataError
from aepose.labels.content import Labels
from aepose.labels.request import Request
from aepose.labels.sleap import read_content, write_content
from aepose.results.formats import needed

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_TRAINING = "processing/behavior/PoseTraining"


def read_nwb(request: Request) -> Labels:
    """Return the labels of an NWB file with a PoseTraining.

    It is read here: sleap-io 0.9 fails at pictures in folders, and of PoseEstimation (predictions)
    it loses the frames' numbers, so that these are refused.

    Raises DataError for a file without PoseTraining.
    """
    return read_content(request, _content)


def _content(sleap_io: Any, path: str) -> Any:
    """Return a file's PoseTraining as sleap_io.Labels."""
    h5py = needed("h5py", "an NWB file", "sleap-io")
    with h5py.File(path, "r") as file:
        if _TRAINING not in file:
            raise DataError(f"{path}: no {_TRAINING}; predictions (PoseEstimation) are not read: "
                            "they do not say the frames' numbers; convert the file that they were "
                            "made of")
        videos: list[tuple[Any, Any]] = []
        skeletons: list[tuple[Any, Any]] = []
        frames = []
        for frame in file[_TRAINING]["training_frames"].values():
            video = _once(videos, _linked(frame, "ImageSeries"), partial(_video, sleap_io))
            people = [_instance(sleap_io, person, skeletons)
                      for person in frame["skeleton_instances"].values()]
            frames.append(sleap_io.LabeledFrame(video, int(_number(frame)), people,
                                                is_negative=not people))
        order = [video for _, video in videos]
        frames.sort(key=lambda frame: (order.index(frame.video), frame.frame_idx))
        return sleap_io.Labels(frames, skeletons=[made for _, made in skeletons])


def _linked(group: Any, kind: str) -> Any:
    """Return the one thing of a kind that a group links to, whatever it is called there."""
    return next(thing for thing in group.values() if thing.attrs.get("neurodata_type") == kind)


def _once(known: list[tuple[Any, Any]], group: Any, make: Callable[[Any], Any]) -> Any:
    """Return what was made of a group, under whatever name it was met, or make it."""
    for seen, made in known:
        if seen == group:
            return made
    known.append((group, make(group)))
    return known[-1][1]


def _number(frame: Any) -> Any:
    """Return the number of a frame in its film, which is an attribute or a data set of its own."""
    key = "source_video_frame_index"
    return frame.attrs[key] if key in frame.attrs else frame[key][()]


def _video(sleap_io: Any, series: Any) -> Any:
    names = [name.decode() for name in series["external_file"][()]]
    return sleap_io.Video(names if len(names) > 1 or names[0].lower().endswith(
        _PICTURES) else names[0], open_backend=False)


def _skeleton(sleap_io: Any, told: Any) -> Any:
    return sleap_io.Skeleton(nodes=[name.decode() for name in told["nodes"][()]],
                             edges=[tuple(map(int, edge)) for edge in told["edges"][()]],
                             name=told.name.rsplit("/", 1)[-1])


def _instance(sleap_io: Any, person: Any, skeletons: list[tuple[Any, Any]]) -> Any:
    skeleton = _once(skeletons, _linked(person, "Skeleton"), partial(_skeleton, sleap_io))
    points = np.array(person["node_locations"][()], np.float64)
    if "node_visibility" in person:
        points[~np.array(person["node_visibility"][()], bool)] = np.nan
    return sleap_io.Instance.from_numpy(points, skeleton)


def write_nwb(labels: Labels, target: Path, frames: str) -> Labels:
    """Write an NWB file with a PoseTraining that refers to the films and pictures of the labels.

    Hidden keypoints are written as visible ones: sleap-io would leave them out.
    """
    def save(sleap_io: Any, content: Any, path: str) -> None:
        for video in content.videos:
            video.open()
        for frame in content:
            for instance in frame.instances:
                instance.points["visible"] = ~np.isnan(instance.points["xy"][:, 0])
        sleap_io.save_nwb(content, path, nwb_format="annotations")
    return write_content(labels, target, frames, save)
