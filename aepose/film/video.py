"""Films as pictures: reading them frame by frame, and the pictures of a camera.

Frames are (H, W, 3) uint8 RGB, upright: turned as the film says and as players show it. One frame
is in memory at a time, and the few that the decoder keeps.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from aepose.errors import DataError
from aepose.files import regular_file

# What FFmpeg would make pictures of, too: text, and lists of other files.
_NO_FILMS = {"tty", "concat", "hls", "dash", "webvtt", "srt", "ass"}
_USUAL_RATE = 25  # frames per second, where a film does not say
_TOLERANCE = 0.5  # seconds by which a film may be shorter than announced
_MATRIX = av.sidedata.sidedata.Type.DISPLAYMATRIX


@dataclass(frozen=True)
class FilmFacts:
    """What a film says of itself.

    size: (W, H) of its frames, upright
    frames_per_second: the mean rate, or None if the film does not say
    num_frames: as announced, or None; a damaged film has fewer, and some films announce wrongly
    turned: whether frames are stored turned or mirrored, as telephones do
    has_sound: whether there is a sound stream
    """

    size: tuple[int, int]
    frames_per_second: Fraction | None
    num_frames: int | None
    turned: bool
    has_sound: bool


@dataclass(frozen=True)
class Frame:
    """One picture of a film or a camera.

    image: (H, W, 3) uint8, RGB
    number: from 0, in the order in which the frames are shown
    seconds: since the beginning of the film, or since the camera's first picture
    """

    image: np.ndarray
    number: int
    seconds: float


class Film:
    """A film file, whose frames can be gone through any number of times.

    The first frame is decoded at once, so that what is no film is known before work begins.

    Raises DataError that names the file if it is missing, empty, no film, or without pictures.

    >>> film = Film('walk.mp4')                                     # doctest: +SKIP
    >>> for frame in film: print(frame.number, frame.image.shape)   # doctest: +SKIP
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with _opened(self.path) as (container, stream):
            for first in _decoded(self.path, container, stream):
                # Of the first frame alone: looking it up ties a frame into a circle, which would
                # keep hundreds of them in memory.
                self._turn = _turn(self.path, first)
                height, width = _upright(first, self._turn).shape[:2]
                self.facts = FilmFacts(
                    size=(width, height),
                    frames_per_second=stream.average_rate or stream.guessed_rate,
                    num_frames=stream.frames or None, turned=self._turn is not None,
                    has_sound=bool(container.streams.audio))
                break
            else:
                raise DataError(f"film {path} has no frame that can be read: it is damaged, or cut "
                                "short; fetch it again")

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames, first to last.

        Raises DataError that names the film and the frame where it is damaged, ends early, or
        changes its size: whatever was yielded before is right.
        """
        step = float(1 / (self.facts.frames_per_second or _USUAL_RATE))
        with _opened(self.path) as (container, stream):
            start, seconds, number = (container.start_time or 0) / av.time_base, -step, -1
            for number, frame in enumerate(_decoded(self.path, container, stream)):
                image = _upright(frame, self._turn)
                size = image.shape[1], image.shape[0]
                if size != self.facts.size:
                    raise DataError("film {} changes its size from {}x{} to {}x{} at frame {}; cut "
                                    "it there, or convert it to one size".format(
                                        self.path, *self.facts.size, *size, number))
                shown = None if frame.time is None else frame.time - start
                # Some files give no times, or wrong ones (AVI with frames out of order).
                seconds = seconds + step if shown is None or shown <= seconds else shown
                yield Frame(image, number, seconds)
            lasts = float(frame.duration * frame.time_base) if frame.duration else step
            missing = _announced_seconds(container, stream) - (seconds + lasts)
            if missing > _TOLERANCE:
                raise DataError(f"film {self.path} ends early, after frame {number}: {missing:.1f} "
                                "seconds are missing; fetch it again")


def read_camera(index: int) -> Iterator[Frame]:
    """Yield the pictures of a camera until the caller has enough; 0 is the first camera.

    Raises DataError if there is no such camera, and when it gives no more pictures.
    """
    camera = cv2.VideoCapture(index)
    try:
        if not camera.isOpened():
            raise DataError(f"camera {index} is not there, or is used by another program")
        start, number = time.monotonic(), 0
        while True:
            there, image = camera.read()
            if not there:
                raise DataError(f"camera {index} gives no more pictures after {number}")
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), number, time.monotonic() - start)
            number += 1
    finally:
        camera.release()


def open_container(path: str | Path) -> av.container.InputContainer:
    """Open a film; it is to be closed. Raises DataError that names what is none."""
    path = regular_file(path, what="film")
    if not path.stat().st_size:
        raise DataError(f"film {path} is an empty file")
    try:
        # As a local file and nothing else, whatever its name looks like or its content asks for.
        container = av.open(f"file:{path.absolute()}", options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError) as error:
        raise DataError(f"film {path} cannot be read ({_reason(error)}): it is no film, or the "
                        "file is damaged or cut short; fetch it again") from None
    if container.format.name in _NO_FILMS:
        container.close()
        raise DataError(f"{path} is no film but text ({container.format.name})")
    return container


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open a film; give its container and its pictures."""
    with open_container(path) as container:
        stream = container.streams.best("video")
        if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
            raise DataError(f"film {path} has no pictures, sound alone")
        if stream.codec_context is None:
            raise DataError(f"film {path} is of a kind that cannot be decoded here; convert it to "
                            "H.264")
        stream.thread_type = "AUTO"
        yield container, stream


def _decoded(path: Path, container: av.container.InputContainer,
             stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Yield the decoded frames of a stream.

    Raises DataError that names the frame at the first one that is damaged: decoders go on with
    pictures smeared from others, in which people would be found all the same.
    """
    number = 0
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise av.InvalidDataError(0, "a piece is cut short")
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise av.InvalidDataError(0, "the picture is incomplete")
                yield frame
                number += 1
    except (av.FFmpegError, OSError) as error:
        raise DataError(f"film {path} is damaged or ends early: frame {number} cannot be read "
                        f"({_reason(error)}); the {number} before it are whole") from None


def _announced_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """How long the pictures of a Matroska or WebM film last by its own account; 0 if unknown.

    Where such a file is cut, nothing else tells: other kinds end in an error of the decoder.
    """
    tag = stream.metadata.get("DURATION", "")
    if re.fullmatch(r"\d+:\d\d:\d\d(\.\d+)?", tag):
        hours, minutes, seconds = tag.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    if stream.duration is None and container.duration and not container.streams.audio:
        return container.duration / av.time_base
    return 0.0


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _turn(path: Path, frame: av.VideoFrame) -> np.ndarray | None:
    """How a stored frame is turned upright: x' = a x + c y, y' = b x + d y.

    (2, 2) [[a, b], [c, d]] of 0, 1 and -1, one of them in each row; None for an upright one.
    """
    data = frame.side_data.get(_MATRIX)
    if data is None:
        return None
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5]
    turn = np.sign([[a, b], [c, d]])
    if not (np.abs(turn).sum(axis=0) == 1).all() or not (np.abs(turn).sum(axis=1) == 1).all():
        raise DataError(f"film {path} is to be shown turned by something else than quarter turns; "
                        "convert it to upright frames")
    return None if np.array_equal(turn, np.eye(2)) else turn


def _upright(frame: av.VideoFrame, turn: np.ndarray | None) -> np.ndarray:
    """The frame as players show it, (H, W, 3) uint8, RGB."""
    image = frame.to_ndarray(format="rgb24")
    if turn is None:
        return image
    if turn[0, 0] == 0:
        image = image.transpose(1, 0, 2)
    across, down = turn.sum(axis=0)
    return np.ascontiguousarray(image[::down, ::across])
