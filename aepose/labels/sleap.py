"""SLEAP's files, which sleap-io reads and writes."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aepose.errors import DataError, OutputError
from aepose.files import make_folder, whole_file
from aepose.labels.content import (
    FilmFrame,
    Labels,
    LabelsBuilder,
    is_predicted,
    names_in_skeleton,
    points_of,
)
from aepose.labels.pictures import PictureFinder, film_size, picture_size, write_frames
from aepose.labels.request import Request
from aepose.results.formats import needed

# What h5py, pynwb and sleap-io raise for files that are not as they should be.
_READING = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError,
            StopIteration)
_USE = "a file of SLEAP or NWB"


def read_sleap(request: Request) -> Labels:
    """Return the labels of a .slp file; pictures that it holds itself are read from it, too.

    Of frames with labels of people their predictions are left out, and where any frame has such
    labels also those with predictions alone, unless the request asks for predictions. Hidden
    keypoints are those that SLEAP calls not visible but has a place of.

    Raises DataError for a damaged file, and for one of a newer format.
    """
    return read_content(request, lambda sleap_io, path: sleap_io.load_slp(path, open_videos=False))


def read_content(request: Request, load: Callable[[Any, str], Any]) -> Labels:
    """Return the labels that ``load`` makes of a file, as sleap_io.Labels."""
    sleap_io = needed("sleap_io", _USE, "sleap-io")
    builder = LabelsBuilder(request.path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            content = load(sleap_io, str(request.path))
        except _READING as error:
            raise DataError(f"{request.path}: sleap-io {sleap_io.__version__} cannot read it "
                            f"({error}); is it whole, and not of a newer version?") from None
    for warning in said:
        builder.report.add("changed", "told by sleap-io", first=warning.message)
    return _Reading(request, builder, content).labels()


class _Reading:
    """Turns what sleap-io read into labels."""

    def __init__(self, request: Request, builder: LabelsBuilder, content: Any) -> None:
        self.request, self.builder, self.content = request, builder, content
        self.finder = PictureFinder(request.path, request.images, builder.report)
        self.tracks = {id(track): number for number, track in enumerate(content.tracks, start=1)}
        self.categories: dict[tuple[int, str | None], int] = {}
        self.sizes: dict[tuple[Path, str], tuple[int, int]] = {}
        self.only_users = not request.predictions and any(
            frame.user_instances for frame in content)

    def labels(self) -> Labels:
        report = self.builder.report
        if not self.content.skeletons:
            raise DataError(f"{self.request.path}: it has no skeleton, so no keypoints are named")
        for frame in self.content:
            instances = self._instances(frame)
            if instances or frame.is_negative:
                self._add(frame, instances)
            else:
                report.add("dropped", "frames without labels, not marked as negative", first=(
                    f"frame {frame.frame_idx}"))
        self.finder.check()
        report.add("dropped", "suggested frames", len(self.content.suggestions))
        for what in ("bboxes", "masks", "rois", "centroids", "label_images"):
            report.add("dropped", f"SLEAP's {what}", len(getattr(self.content, what)))
        if self.tracks:
            self.builder.data["tracks"] = [
                {"id": self.tracks[id(t)], "name": t.name} for t in self.content.tracks]
        return self.builder.labels()

    def _instances(self, frame: Any) -> list[Any]:
        """Return the instances of a frame that count."""
        users, guessed = frame.user_instances, frame.predicted_instances
        if self.only_users or users:
            self.builder.report.add(
                "dropped", "predicted creatures, as there are labels of people"
                + (" in the same frame" if not self.only_users else " (--predictions keeps those "
                   "of other frames)"), len(guessed), f"frame {frame.frame_idx}")
            return users
        return guessed

    def _add(self, frame: Any, instances: list[Any]) -> None:
        size = self._picture(frame)
        if size is None:
            return
        for instance in instances:
            points = np.column_stack([instance.points["xy"],
                                      np.where(instance.points["visible"], 2, 1)])
            add = self.builder.report.add
            add("dropped", "SLEAP's identities of creatures", instance.identity is not None)
            add("dropped", "tracking scores of creatures", (instance.tracking_score or 0) > 0)
            more = {}
            if hasattr(instance, "score"):
                more = {"score": float(instance.score),
                        "scores": [round(float(s), 6) for s in np.nan_to_num(
                            instance.points["score"])]}
            self.builder.annotate(
                len(self.builder.data["images"]), self._category(instance), points,
                track=self.tracks[id(instance.track)] if instance.track else None, **more)

    def _picture(self, frame: Any) -> tuple[int, int] | None:
        """Add the picture of a frame; return its size, None for a picture that is not found."""
        video, number = frame.video, frame.frame_idx
        if isinstance(video.filename, list):
            if number >= len(video.filename):
                raise DataError(f"{self.request.path}: frame {number} is labelled of a series of "
                                f"{len(video.filename)} pictures")
            path = self.finder.find(str(video.filename[number]))
            if path is not None:
                size = picture_size(path)
                self.builder.image(path, size)
                return size
            return None
        if "crop" in video.backend_metadata:
            raise DataError(f"{self.request.path}: {video.filename} is shown cropped, which is not "
                            "read; save the labels with the whole film")
        dataset = str(video.backend_metadata.get("dataset") or "")
        path = self.finder.film(str(video.filename), len(self.content.videos) == 1)
        if (path, dataset) not in self.sizes:
            self.sizes[path, dataset] = self._stored_size(video) if dataset else film_size(path)
        size = self.sizes[path, dataset]
        self.builder.image("", size, FilmFrame(path, number, dataset))
        return size

    def _stored_size(self, video: Any) -> tuple[int, int]:
        shape = video.shape or video.backend_metadata.get("shape")
        if shape is None:
            raise DataError(f"{self.request.path}: it does not say how large its pictures in "
                            f"{video.backend_metadata['dataset']} are")
        return int(shape[2]), int(shape[1])

    def _category(self, instance: Any) -> int:
        """Return the id of an instance's category: its skeleton, and its class where it has one."""
        skeleton, given = instance.skeleton, getattr(instance.category, "name", None)
        key = id(skeleton), given
        if key not in self.categories:
            self.categories[key] = self.builder.category(
                given or skeleton.name or "creature", skeleton.node_names, skeleton.edge_names,
                [sorted(pair) for pair in skeleton.symmetry_names])
        return self.categories[key]


def write_sleap(labels: Labels, target: Path, frames: str) -> Labels:
    """Write a .slp file that refers to the films and pictures of the labels."""
    return write_content(labels, target, frames, lambda sleap_io, content, path: sleap_io.save_slp(
        content, path, embed=False, verbose=False))


def write_content(labels: Labels, target: Path, frames: str,
                  save: Callable[[Any, Any, str], None]) -> Labels:
    """Write labels to a file by ``save``, which is given them as sleap_io.Labels."""
    sleap_io = needed("sleap_io", _USE, "sleap-io")
    if any(frame.dataset for frame in labels.frames.values()):
        labels = write_frames(labels, target.with_name(f"{target.stem}_frames"), frames)
    make_folder(target.parent)
    content = _content(sleap_io, labels)
    with whole_file(target) as part:
        named = part.with_suffix(target.suffix)  # by which sleap-io knows the format
        try:
            save(sleap_io, content, str(named))
            named.replace(part)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            named.unlink(missing_ok=True)
            raise OutputError(f"{target}: sleap-io {sleap_io.__version__} cannot write these "
                              f"labels ({error})") from None
    return labels


def _content(sleap_io: Any, labels: Labels) -> Any:
    """Return labels as sleap-io has them."""
    skeletons = {number: sleap_io.Skeleton(
        nodes=list(entry["keypoints"]), edges=list(names_in_skeleton(entry)),
        symmetries=[tuple(pair) for pair in entry.get("flip_pairs") or ()],
        name=str(entry.get("name") or number)) for number, entry in labels.categories().items()}
    tracks = {number: sleap_io.Track(name) for number, name in labels.track_names().items()}
    people = defaultdict(list)
    for annotation in labels.data["annotations"]:
        people[annotation["image_id"]].append(_instance(sleap_io, annotation, skeletons, tracks))
    places = _places(sleap_io, labels)
    content = sleap_io.Labels(
        [sleap_io.LabeledFrame(*places[image["id"]], people[image["id"]],
                               is_negative=not people[image["id"]])
         for image in labels.data["images"]],
        skeletons=list(skeletons.values()), tracks=list(tracks.values()))
    return content


def _instance(sleap_io: Any, annotation: dict[str, Any], skeletons: dict[Any, Any],
              tracks: dict[Any, Any]) -> Any:
    points = points_of(annotation)
    places = np.column_stack([points[:, :2], points[:, 2] > 1])
    common = {"skeleton": skeletons[annotation["category_id"]],
              "track": tracks.get(annotation.get("track_id"))}
    if not is_predicted(annotation):
        return sleap_io.Instance.from_numpy(places, **common)
    scores = annotation.get("keypoint_scores") or [annotation["score"]] * len(points)
    instance = sleap_io.PredictedInstance.from_numpy(
        places[:, :2], point_scores=np.array(scores, np.float64), score=annotation["score"],
        **common)
    instance.points["visible"] = places[:, 2] > 0
    return instance


def _places(sleap_io: Any, labels: Labels) -> dict[Any, tuple[Any, int]]:
    """Return SLEAP's video and frame number of each image; pictures of a folder and size are one.
    """
    films: dict[Path, Any] = {}
    series: dict[tuple[Path, int, int], list[dict[str, Any]]] = defaultdict(list)
    places: dict[Any, tuple[Any, int]] = {}
    for image in labels.data["images"]:
        if frame := labels.frames.get(image["id"]):
            if frame.film not in films:
                films[frame.film] = sleap_io.Video(
                    str(frame.film.absolute()), open_backend=False,
                    backend_metadata={"type": "MediaVideo", "grayscale": False, "bgr": True,
                                      "dataset": "", "input_format": ""})
            places[image["id"]] = films[frame.film], frame.number
        else:
            series[labels.path(image).parent, image["width"], image["height"]].append(image)
    for (_, width, height), images in series.items():
        video = sleap_io.Video(
            paths := [str(labels.path(image).absolute()) for image in images], open_backend=False,
            backend_metadata={"type": "ImageVideo", "filename": paths[0], "filenames": paths,
                              "shape": (len(images), height, width, 3), "height_": height,
                              "width_": width, "channels_": 3, "grayscale": False})
        places |= {image["id"]: (video, number) for number, image in enumerate(images)}
    return places
