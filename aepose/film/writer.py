"""Writing a film: pictures, and the sound of the film that they come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from aepose.errors import DataError, OutputError
from aepose.files import whole_file
from aepose.film.video import open_container

# Suffix -> FFmpeg's name of the format.
_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
SUFFIXES = tuple(_FORMATS)
# Encoder -> (codec, options), the best first; a build of FFmpeg may lack any of them.
_ENCODERS = {"libx264": ("h264", {"crf": "20", "preset": "veryfast"}), "libopenh264": ("h264", {}),
             "libvpx-vp9": ("vp9", {"deadline": "realtime", "cpu-used": "6"}),
             "mpeg4": ("mpeg4", {})}
_BITS_PER_PIXEL = 0.2  # for encoders that go by a rate of bits
_CLOCK = 60_000  # ticks a second; MPEG-4 admits 65,535
_BT709 = 1  # FFmpeg's number of the colours of HD television, which players expect
_LIMITED = 1


class FilmWriter:
    """An open film; see :func:`film_writer`."""

    def __init__(self, container: av.container.OutputContainer, stream: av.VideoStream,
                 size: tuple[int, int], rate: Fraction, sound: Sound | None) -> None:
        self._container, self._stream, self._size = container, stream, size
        self._rate, self._sound = rate, sound
        self._number, self._last = 0, -1

    def write(self, image: np.ndarray, seconds: float | None = None) -> None:
        """Add a picture, (H, W, 3) uint8 RGB of the film's size.

        seconds: when it is shown, as :class:`~aepose.film.video.Frame` says; None: by the rate

        Raises ValueError for an array of another shape or type.
        """
        width, height = self._size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(f"expected a picture ({height}, {width}, 3) uint8, got {image.shape} "
                             f"{image.dtype}")
        if seconds is None:
            seconds = float(self._number / self._rate)
        even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.time_base = Fraction(1, _CLOCK)
        frame.pts = self._last = max(round(seconds * _CLOCK), self._last + 1)
        self._number += 1
        if self._sound:
            self._sound.copy(seconds)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds; called when the ``with`` ends."""
        self._container.mux(self._stream.encode())
        if self._sound:
            self._sound.copy(self._last / _CLOCK + float(1 / self._rate))


class Sound:
    """The sound of a film on its way into another, packet by packet and unchanged."""

    def __init__(self, source: av.container.InputContainer,
                 target: av.container.OutputContainer) -> None:
        self._stream = target.add_stream_from_template(source.streams.audio[0])
        self._target = target
        self._start = (source.start_time or 0) / av.time_base
        self._packets = source.demux(source.streams.audio[0])
        self._next = next(self._packets, None)

    def copy(self, until: float) -> None:
        """Write the packets that begin before ``until`` seconds."""
        while self._next is not None:
            packet = self._next
            if packet.dts is not None:
                if float(packet.dts * packet.time_base) - self._start >= until:
                    return
                shift = round(self._start / packet.time_base)
                packet.dts -= shift
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.stream = self._stream
                self._target.mux(packet)
            self._next = next(self._packets, None)


@contextmanager
def film_writer(path: str | Path, size: tuple[int, int], frames_per_second: Fraction | float,
                sound_of: str | Path | None = None) -> Iterator[FilmWriter]:
    """Give a :class:`FilmWriter`; the film has its name once it is whole, and not before.

    path: its suffix (``SUFFIXES``) says the kind
    size: (W, H) of the pictures; an odd side gets one more row or column, a copy of the last
    sound_of: the film whose sound is copied, if it has any, up to the last picture's end

    H.264 where FFmpeg can write it and the kind of file admits it, else what it can.

    Raises DataError for an unknown suffix and for sound that cannot be copied, OutputError if the
    file cannot be written.

    >>> with film_writer('out.mp4', (640, 480), 25) as film:   # doctest: +SKIP
    ...     film.write(image)
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise DataError(f"film {path}: films are written as {', '.join(SUFFIXES)}")
    rate = Fraction(frames_per_second).limit_denominator(100_000)
    with whole_file(path) as part, ExitStack() as opened:
        container = opened.enter_context(
            av.open(f"file:{part.absolute()}", "w", format=_FORMATS[path.suffix.lower()]))
        stream = _video_stream(container, size, rate)
        sound = None
        if sound_of is not None:
            source = opened.enter_context(open_container(sound_of))
            if source.streams.audio:
                sound = _copied_sound(source, container, path, sound_of)
        writer = FilmWriter(container, stream, size, rate, sound)
        try:
            yield writer
            writer.finish()
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"film {path} cannot be written: {error.strerror}") from error


def _video_stream(container: av.container.OutputContainer, size: tuple[int, int],
                  rate: Fraction) -> av.VideoStream:
    encoder = next(name for name, (codec, _) in _ENCODERS.items()
                   if name in av.codecs_available and codec in container.supported_codecs)
    stream = container.add_stream(encoder, rate=rate, options=_ENCODERS[encoder][1])
    width, height = (side + side % 2 for side in size)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, _CLOCK)
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED
    if encoder != "libx264":
        context.bit_rate = int(width * height * rate * _BITS_PER_PIXEL)
    return stream


def _copied_sound(source: av.container.InputContainer, container: av.container.OutputContainer,
                  path: Path, sound_of: str | Path) -> Sound:
    codec = source.streams.audio[0].codec_context.name
    try:
        return Sound(source, container)
    except (av.FFmpegError, ValueError) as error:
        raise DataError(f"the sound of {sound_of} ({codec}) cannot be copied into {path.name} "
                        f"({error}); write a .mkv, or leave out the sound") from None
