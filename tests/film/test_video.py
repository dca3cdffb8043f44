"""Reading films: every frame once and upright, constant memory, and one clear error."""

import gc
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from aepose.errors import DataError
from aepose.film.video import Film, FilmFacts, read_camera
from tests.film.films import cut, make_film, picture, turned

STATM = Path("/proc/self/statm")


def read(path):
    """(numbers of the frames that came, the error that ended them or None)."""
    numbers = []
    try:
        for frame in Film(path):
            numbers.append(frame.number)
    except DataError as error:
        return numbers, str(error)
    return numbers, None


@pytest.mark.parametrize(("name", "codec", "count"), [
    ("a.mp4", "libx264", 30), ("a.mkv", "libx264", None), ("a.webm", "libvpx-vp9", None),
    ("a.mov", "mpeg4", 30), ("a.avi", "mpeg4", 30), ("a.ts", "libx264", None)])
def test_frames_and_facts(tmp_path, name, codec, count):
    film = Film(make_film(tmp_path / name, codec=codec))
    assert film.facts == FilmFacts((64, 48), Fraction(25), count, turned=False, has_sound=False)
    for _ in range(2):  # a film can be gone through again
        frames = list(film)
        assert [f.number for f in frames] == list(range(30))
        assert [f.seconds for f in frames] == pytest.approx(np.arange(30) / 25, abs=0.001)
        for frame in frames:
            assert frame.image.shape == (48, 64, 3)
            assert frame.image.dtype == np.uint8
            assert frame.image.flags.c_contiguous
            assert frame.image[2:10, 2:14].mean(axis=(0, 1)) == pytest.approx([0, 255, 0], abs=30)


def test_colours_are_rgb_and_frames_in_order(tmp_path):
    for frame in Film(make_film(tmp_path / "a.mp4", options={"crf": "10"})):
        here, other = (np.corrcoef(frame.image[12:].ravel(), picture(n)[12:].ravel())[0, 1]
                       for n in (frame.number, (frame.number + 1) % 30))
        assert here > 0.5 > other


@pytest.mark.parametrize(("matrix", "size", "patch"), [
    ((1, 0, 0, 1), (64, 48), (4, 4)),
    ((0, -1, 1, 0), (48, 64), (4, 60)), ((-1, 0, 0, -1), (64, 48), (60, 44)),
    ((0, 1, -1, 0), (48, 64), (44, 4)),
    # Mirrored, as some telephones store what their front camera sees.
    ((-1, 0, 0, 1), (64, 48), (60, 4)), ((1, 0, 0, -1), (64, 48), (4, 44)),
    ((0, 1, 1, 0), (48, 64), (4, 4)), ((0, -1, -1, 0), (48, 64), (44, 60))])
def test_turned_films_are_shown_upright(tmp_path, matrix, size, patch):
    film = Film(turned(make_film(tmp_path / "a.mp4", 2), matrix))
    assert film.facts.size == size
    assert film.facts.turned == (matrix != (1, 0, 0, 1))
    x, y = patch
    for frame in film:
        assert frame.image.shape == (size[1], size[0], 3)
        assert frame.image[y, x] == pytest.approx([0, 255, 0], abs=40)


def test_a_slanted_film_is_refused(tmp_path):
    film = turned(make_film(tmp_path / "a.mp4", 2), (0.7, 0.7, -0.7, 0.7))
    with pytest.raises(DataError, match=r"a\.mp4 is to be shown turned.*quarter"):
        Film(film)


@pytest.mark.skipif(not STATM.exists(), reason="needs /proc")
def test_memory_stays_flat(tmp_path):
    """Also without the collector of circles, which would let go of frames in hundreds."""
    film = Film(make_film(tmp_path / "a.mp4", 100, size=(480, 360), codec="mpeg4"))
    seen = []
    gc.disable()
    try:
        for frame in film:
            if frame.number in (30, 99):
                seen.append(int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    finally:
        gc.enable()
    assert seen[1] - seen[0] < 20 * frame.image.nbytes


def test_sound_is_noticed(tmp_path):
    assert Film(make_film(tmp_path / "a.mp4", 5, sound=True)).facts.has_sound


def no_pictures(path):
    with av.open(str(path), "w") as film:
        tone = film.add_stream("aac", rate=44100)
        tone.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        film.mux(tone.encode(frame))
        film.mux(tone.encode())


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: None, "no such film"),
    (lambda path: path.mkdir(), "it is a folder"),
    (lambda path: path.write_bytes(b""), "is an empty file"),
    (lambda path: path.write_text("walk\n" * 500), "it is no film"),
    (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "it is no film"),
    (lambda path: cut(make_film(path), 0.6, path), "cut short"),  # its index stands at the end
    (no_pictures, "has no pictures, sound alone"),
])
def test_no_film(tmp_path, make, message):
    path = tmp_path / "a.mp4"
    make(path)
    with pytest.raises(DataError, match=message) as caught:
        Film(path)
    assert "a.mp4" in str(caught.value)


@pytest.mark.parametrize("suffix", ["txt", "srt", "m3u8", "ffconcat"])
def test_text_is_no_film(tmp_path, suffix):
    film = make_film(tmp_path / "b.ts", 3)
    text = {"m3u8": f"#EXTM3U\n#EXTINF:1,\n{film.name}\n#EXT-X-ENDLIST\n",
            "ffconcat": f"ffconcat version 1.0\nfile {film.name}\n"}
    path = tmp_path / f"a.{suffix}"
    path.write_text(text.get(suffix, "1\n00:00:00,000 --> 00:00:01,000\nwalk\n"))
    with pytest.raises(DataError, match=f"a.{suffix}"):
        Film(path)


@pytest.mark.parametrize(("name", "codec", "options"), [
    ("a.mp4", "libx264", {"movflags": "faststart"}), ("a.avi", "mpeg4", {}),
    ("a.mkv", "libx264", {}), ("a.webm", "libvpx-vp9", {})])
def test_a_film_that_ends_early(tmp_path, name, codec, options):
    path = make_film(tmp_path / name, 50, codec=codec, options=options)
    numbers, error = read(cut(path, 0.6, tmp_path / f"cut_{name}"))
    assert 10 < len(numbers) < 45
    assert numbers == list(range(len(numbers)))
    assert f"cut_{name}" in error
    assert f"frame {len(numbers)} " in error or f"after frame {len(numbers) - 1}:" in error


def test_a_film_that_is_damaged_in_the_middle(tmp_path):
    path = make_film(tmp_path / "a.mp4", 50)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    numbers, error = read(path)
    assert 5 < len(numbers) < 45
    assert f"{path} is damaged or ends early: frame {len(numbers)} cannot be read" in error


def test_a_film_that_changes_its_size(tmp_path):
    """Two films one after the other, without a container that would have to know."""
    first = make_film(tmp_path / "1.h264", 10)
    second = make_film(tmp_path / "2.h264", 10, size=(80, 48))
    both = tmp_path / "both.h264"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    numbers, error = read(both)
    assert numbers == list(range(10))
    assert f"{both} changes its size from 64x48 to 80x48 at frame 10" in error


class FakeCamera:
    """Gives three blue pictures; index 7 is not there."""

    def __init__(self, index):
        self.left, self.index, self.released = 3, index, False

    def isOpened(self):
        return self.index != 7

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((4, 6, 3), (255, 0, 0), np.uint8)

    def release(self):
        self.released = True


def test_camera(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    pictures = []
    with pytest.raises(DataError, match="camera 0 gives no more pictures after 3"):
        pictures.extend(read_camera(0))  # what came before the error is kept
    with pytest.raises(DataError, match="camera 7 is not there"):
        next(read_camera(7))
    one = next(iter(read_camera(0)))
    assert one.number == 0
    assert one.image[0, 0].tolist() == [0, 0, 255]


def test_a_camera_that_is_not_there():
    if Path("/dev/video63").exists():
        pytest.skip("there is a camera 63")
    with pytest.raises(DataError, match="camera 63 is not there"):
        next(read_camera(63))
