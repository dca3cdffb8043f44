"""Sources of pictures: what is one, what are many, what is none."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from aepose.apis.sources import count_pictures, is_single, pictures_of, to_rgb
from aepose.drawing import write_image
from aepose.errors import AeposeError, DataError
from tests.film.films import make_film

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
GREY = RGB[..., 0]


@pytest.fixture
def folder(tmp_path):
    """Two pictures, one more in a folder in it."""
    for name in ("b.png", "a.png", "in/c.png"):
        write_image(tmp_path / name, RGB)
    return tmp_path


def png(image=RGB):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def rgba(alpha):
    return np.concatenate([RGB, np.full((6, 8, 1), alpha, np.uint8)], axis=2)


SINGLE = {
    "array": RGB, "grey": GREY, "one channel": GREY[..., None], "alpha": rgba(0),
    "view": np.repeat(RGB, 2, axis=1)[:, ::2], "tensor": torch.from_numpy(RGB),
    "planar": torch.from_numpy(RGB).permute(2, 0, 1), "planar grey": torch.from_numpy(GREY)[None],
    "bytes": png(), "bytearray": bytearray(png()), "file": io.BytesIO(png()),
    "PIL": Image.fromarray(RGB), "PIL alpha": Image.fromarray(rgba(255)),
    "PIL grey": Image.fromarray(GREY),
}


@pytest.mark.parametrize("kind", SINGLE)
def test_one_picture(kind):
    source = SINGLE[kind]
    assert is_single(source)
    (picture,) = pictures_of(source)
    expected = np.repeat(GREY[..., None], 3, axis=2) if "grey" in kind or "one" in kind else RGB
    found = picture.load()
    np.testing.assert_array_equal(found, expected)
    assert found.flags.c_contiguous
    assert (picture.path, picture.lasting) == ("", False)


def test_channels_as_opencv_reads():
    np.testing.assert_array_equal(to_rgb(RGB[..., ::-1], bgr=True), RGB)
    bgra = np.concatenate([RGB[..., ::-1], rgba(9)[..., 3:]], axis=2)
    np.testing.assert_array_equal(to_rgb(bgra, bgr=True), RGB)


@pytest.mark.parametrize(("mode", "close"), [("CMYK", 3), ("P", 60), ("I;16", 0)])
def test_files_of_other_modes(tmp_path, mode, close):
    """CMYK becomes RGB, a palette its colours, of 16 bits the upper 8 are taken."""
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    if mode == "I;16":
        cv2.imwrite(str(path), GREY.astype(np.uint16) * 257)
        expected = np.repeat(GREY[..., None], 3, axis=2)
    else:
        Image.fromarray(RGB).convert(mode).save(path)
        expected = RGB
    (picture,) = pictures_of(path)
    np.testing.assert_allclose(picture.load().astype(int), expected, atol=close)


def test_upright(tmp_path):
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    for source in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png"),
                   (tmp_path / "turned.png").read_bytes()):
        (picture,) = pictures_of(source)
        np.testing.assert_array_equal(picture.load(), np.rot90(RGB, -1))


@pytest.mark.parametrize(("source", "options", "expected"), [
    ("a.png", {}, ["a.png"]), (".", {}, ["a.png", "b.png"]), ("*.png", {}, ["a.png", "b.png"]),
    (".", {"recursive": True}, ["a.png", "b.png", "in/c.png"]),
    ("**/*.png", {}, ["a.png", "b.png", "in/c.png"]),
    (["in", "b.png", "a.png"], {}, ["in/c.png", "b.png", "a.png"]),
])
@pytest.mark.filterwarnings("ignore::aepose.errors.AeposeWarning")
def test_files_folders_and_globs(folder, monkeypatch, source, options, expected):
    monkeypatch.chdir(folder)
    pictures = list(pictures_of(source, **options))
    assert [p.path for p in pictures] == expected
    assert all(p.lasting for p in pictures)
    assert is_single(source) == (source == "a.png")
    if not options and isinstance(source, str):
        assert count_pictures(source) == len(expected)


@pytest.mark.parametrize(("source", "count"), [
    ([RGB, RGB], 2), (np.stack([RGB, RGB]), 2), (torch.zeros(3, 3, 6, 8, dtype=torch.uint8), 3),
    ((RGB for _ in range(2)), None),
])
def test_many(source, count):
    assert not is_single(source)
    assert count_pictures(source) == count
    assert all(p.load().shape == (6, 8, 3) for p in pictures_of(source))


def test_films(tmp_path):
    film = make_film(tmp_path / "a.mp4", 4)
    assert count_pictures(film) == 4
    pictures = list(pictures_of([film, RGB]))
    assert [p.frame for p in pictures] == [0, 1, 2, 3, None]
    assert [p.load().shape for p in pictures] == [(48, 64, 3)] * 4 + [(6, 8, 3)]


def test_what_breaks_off_says_so_in_its_place(tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    good, bad, last = pictures_of([RGB, tmp_path / "bad.mp4", RGB])
    assert good.load() is not None
    with pytest.raises(DataError, match=r"bad\.mp4"):
        bad.load()
    assert last.load() is not None


@pytest.mark.parametrize(("source", "message"), [
    ("missing.jpg", r"missing\.jpg"), ("missing*.jpg", r"no file is called missing\*\.jpg"),
    ("missing.mp4", r"missing\.mp4"), (b"", "empty"), (b"text", "cannot be decoded"),
    (io.BytesIO(b""), "empty"), (io.StringIO("text"), "type str"), (None, "type NoneType"),
    (True, "type bool"), (1.5, "type float"), ({"a": RGB}, "type dict"),
    (RGB.astype(np.float32), "float32; give"), (RGB[..., :2], r"\(6, 8, 2\)"),
    (RGB[:0], r"\(0, 8, 3\)"), (GREY.astype(np.uint16), "uint16"), (np.zeros(3, np.uint8), "3,"),
    (torch.zeros(3, 6, 8), "float32"), (99, "camera 99 is not there"),
])
def test_what_is_no_source(source, message):
    with pytest.raises(AeposeError, match=message):
        next(pictures_of(source)).load()


def test_a_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match="has no pictures"):
        pictures_of(tmp_path)
