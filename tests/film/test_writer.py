"""Writing films: what was written is read again, sound goes along, and nothing half is left."""

from fractions import Fraction

import av
import numpy as np
import pytest

from aepose.errors import DataError, OutputError
from aepose.film import writer as writer_module
from aepose.film.video import Film
from aepose.film.writer import film_writer
from tests.film.films import make_film


def pictures(size, count=20):
    y, x = np.mgrid[: size[1], : size[0]]
    return [np.stack([x * 255 // size[0], y * 255 // size[1], np.full_like(x, 10 * number)],
                     axis=-1).astype(np.uint8) for number in range(count)]


def write(path, images, rate=25, seconds=None, **options):
    size = images[0].shape[1], images[0].shape[0]
    with film_writer(path, size, rate, **options) as film:
        for number, image in enumerate(images):
            film.write(image, seconds[number] if seconds else None)
    return path


def streams(path):
    with av.open(str(path)) as film:
        return {stream.type: stream.codec_context.name for stream in film.streams}


@pytest.mark.parametrize(("name", "size"), [
    ("a.mp4", (64, 48)), ("a.mp4", (65, 47)), ("a.mkv", (64, 48)), ("a.mov", (1, 1)),
    ("a.webm", (64, 48)), ("A.MP4", (64, 48))])
def test_round_trip(tmp_path, name, size):
    images = pictures(size)
    film = Film(write(tmp_path / name, images, rate=Fraction(30000, 1001)))
    assert film.facts.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert float(film.facts.frames_per_second) == pytest.approx(29.97, abs=0.1)
    frames = list(film)
    assert len(frames) == len(images)
    assert frames[-1].seconds == pytest.approx(19 * 1001 / 30000, abs=0.002)
    for frame, image in zip(frames, images, strict=True):
        back = frame.image[: size[1], : size[0]].astype(int)
        assert np.abs(back - image).mean() < 5
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]


def test_h264_is_what_is_written(tmp_path):
    assert streams(write(tmp_path / "a.mp4", pictures((64, 48)))) == {"video": "h264"}


def test_another_codec_where_the_build_has_no_h264(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264", "libopenh264",
                                                                       "libvpx-vp9"})
    path = write(tmp_path / "a.mp4", pictures((64, 48)))
    assert streams(path) == {"video": "mpeg4"}
    assert len(list(Film(path))) == 20


def test_times_are_kept(tmp_path):
    seconds = [0, 0.04, 0.5, 0.5, 1.7]  # of a film of changing rate; none may be equal
    film = Film(write(tmp_path / "a.mp4", pictures((64, 48), 5), seconds=seconds))
    assert [f.seconds for f in film] == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_is_copied(tmp_path, name):
    source = make_film(tmp_path / "source.mp4", 50, sound=True)
    path = write(tmp_path / name, pictures((64, 48), 25), sound_of=source)
    assert streams(path) == {"video": "h264", "audio": "aac"}
    with av.open(str(source)) as first, av.open(str(path)) as second:
        before, after = ([bytes(p) for p in film.demux(film.streams.audio[0]) if p.size]
                         for film in (first, second))
        assert after == before[: len(after)]  # unchanged, and as long as the pictures
        assert len(after) == pytest.approx(44100 / 1024, abs=2)
    with av.open(str(path)) as film:
        ends = [max(float((p.pts + p.duration) * p.time_base) for p in film.demux(s) if p.size)
                for s in (film.streams.audio[0],)]
        assert ends[0] == pytest.approx(1.0, abs=0.05)


def test_a_film_without_sound_gives_none(tmp_path):
    source = make_film(tmp_path / "source.mp4", 5)
    assert "audio" not in streams(write(tmp_path / "a.mp4", pictures((64, 48)), sound_of=source))


def test_sound_that_does_not_fit(tmp_path):
    source = make_film(tmp_path / "source.mp4", 5, sound=True)
    with pytest.raises(DataError, match=r"sound of .*source.mp4 \(aac\) cannot be copied into "
                                        r"a.webm .*write a \.mkv"):
        write(tmp_path / "a.webm", pictures((64, 48)), sound_of=source)
    assert [p.name for p in tmp_path.iterdir()] == ["source.mp4"]


class StoppedBy(list):
    """Two pictures, and then an error."""

    def __init__(self, error):
        super().__init__(pictures((64, 48), 2))
        self.error = error

    def __iter__(self):
        yield from super().__iter__()
        raise self.error("stop")


@pytest.mark.parametrize("error", [KeyboardInterrupt, DataError, OSError])
def test_nothing_half_is_left(tmp_path, error):
    """An older film of the name stays, a new one is not there."""
    old = write(tmp_path / "old.mp4", pictures((64, 48), 2))
    content = old.read_bytes()
    for path in (old, tmp_path / "new.mp4"):
        with pytest.raises(OutputError if error is OSError else error):
            write(path, StoppedBy(error))
    assert [p.name for p in tmp_path.iterdir()] == ["old.mp4"]
    assert old.read_bytes() == content


def test_a_film_has_its_name_only_when_it_is_whole(tmp_path):
    with film_writer(tmp_path / "a.mp4", (64, 48), 25) as film:
        for image in pictures((64, 48)):
            film.write(image)
            assert not (tmp_path / "a.mp4").exists()
    assert (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize("name", ["a.gif", "a", "a.avi"])
def test_unknown_kinds(tmp_path, name):
    with pytest.raises(DataError, match=r"films are written as \.mp4"):
        write(tmp_path / name, pictures((64, 48)))


@pytest.mark.parametrize("image", [np.zeros((47, 64, 3), np.uint8), np.zeros((48, 64), np.uint8),
                                   np.zeros((48, 64, 3), np.float32)])
def test_another_picture(tmp_path, image):
    with (pytest.raises(ValueError, match=r"expected a picture \(48, 64, 3\) uint8"),
          film_writer(tmp_path / "a.mp4", (64, 48), 25) as film):
        film.write(image)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write a\.mp4"):
        write(tmp_path / "none" / "a.mp4", pictures((64, 48)))


def test_an_encoder_that_fails(tmp_path, monkeypatch):
    monkeypatch.setitem(writer_module._ENCODERS, "libx264", ("h264", {"crf": "much"}))
    with pytest.raises(OutputError, match=r"a\.mp4"):
        write(tmp_path / "a.mp4", pictures((64, 48)))
    assert not list(tmp_path.iterdir())
