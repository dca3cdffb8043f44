import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from aepose.errors import AeposeWarning, DataError, ImageError
from aepose.images import list_images, read_image

PICTURE = np.random.RandomState(0).randint(0, 256, (24, 36, 3), np.uint8)    # RGB
EXACT = (".png", ".bmp", ".tiff")


def encoded(suffix, picture=PICTURE):
    return cv2.imencode(suffix, picture[..., ::-1] if picture.ndim == 3 else picture)[1].tobytes()


@pytest.mark.parametrize("suffix", [*EXACT, ".jpg", ".webp"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded(suffix))
    image = read_image(str(path))
    assert (image.shape, image.dtype) == ((24, 36, 3), np.uint8)
    if suffix in EXACT:
        np.testing.assert_array_equal(image, PICTURE)


@pytest.mark.parametrize("picture", [
    PICTURE[..., 0], np.dstack([PICTURE, PICTURE[..., :1]]), PICTURE[:1, :1],
], ids=["grey", "alpha", "one pixel"])
def test_odd_pictures_become_rgb(tmp_path, picture):
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path)
    expected = np.dstack([picture] * 3) if picture.ndim == 2 else picture[..., :3]
    np.testing.assert_array_equal(read_image(path), expected)


def test_exif_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (30, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (30, 20, 3)
    assert read_image(tmp_path / "a.jpg", exif=False).shape == (20, 30, 3)


@pytest.mark.parametrize(("content", "message"), [
    (b"", "is an empty file"),
    (b"not a picture", "cannot be decoded"),
    (encoded(".jpg")[:40], "cannot be decoded"),
], ids=["empty", "text", "jpeg header"])
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.jpg.*({message})"):
        read_image(path)


@pytest.mark.parametrize("lost", [1, 2, 20, 200])
@pytest.mark.parametrize("suffix", [*EXACT, ".jpg", ".webp"])
def test_files_that_are_cut_short(tmp_path, suffix, lost):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded(suffix)[:-lost])
    with pytest.raises(DataError, match=r"a\..* cannot be decoded.* fetch it again"):
        read_image(path)


def test_a_file_after_whose_end_there_is_more(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(".jpg") + bytes(200))
    assert read_image(path).shape == (24, 36, 3)


def png_header(width, height):
    """The beginning of a PNG file that says it has this size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = struct.pack(">I", zlib.crc32(head)) + struct.pack(">I", 40) + b"IDAT" + bytes(44)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + rest


def bmp_header(width, height):
    return (b"BM" + struct.pack("<IHHI", 100, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(46))


@pytest.mark.parametrize(("content", "message"), [
    (png_header(40000, 40000), "is too large .*1600000000 pixels"),
    (bmp_header(40000, 40000), "is too large"),
    (png_header(40000, 10), "is 40000x10; at most 32766 pixels a side"),
    (bmp_header(3, 60000), "is 3x60000; at most"),
    (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 99999999 +X 99999999\n", "cannot be decoded"),
    (b"P6\n99999999 99999999\n255\n", "is too large"),
], ids=["png", "bmp", "wide", "tall", "of no kind that Pillow knows", "ppm"])
def test_files_that_say_they_are_huge(tmp_path, content, message):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"a\.jpg {message}"):
        read_image(path)


def test_a_name_that_no_file_can_have():
    with pytest.raises(ImageError, match=r"cannot read picture a.b\.jpg: embedded"):
        read_image("a\0b.jpg")


KINDS = ("b.PNG", "a.jpg", "c.webp", "d.jfif", "e.tif", "f.avif", "g.gif", "h.jp2")


@pytest.fixture
def folder(tmp_path):
    for name in (*KINDS, "notes.txt", ".hidden.jpg", "below/d.jpg"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).touch()
    (tmp_path / "set" / "no_suffix").write_bytes(encoded(".png"))
    return tmp_path / "set"


def test_list_images(folder):
    lone = folder / "notes.txt"
    with pytest.warns(AeposeWarning) as caught:
        names = [p.name for p in list_images([str(lone), folder])]
    assert names == ["notes.txt", *sorted(KINDS), "no_suffix"]
    assert [str(w.message) for w in caught] == [
        f"{folder}: left out 2 files that are no pictures (.hidden.jpg, notes.txt) and 1 folders "
        "(recursive enters them)"]
    assert list_images([]) == []


def test_list_images_of_folders_in_folders(folder):
    assert folder / "below" / "d.jpg" in list_images([folder], recursive=True)


@pytest.mark.parametrize("name", ["missing.jpg", "empty", "a" * 300])
def test_inputs_without_pictures(tmp_path, name):
    (tmp_path / "empty" / "below").mkdir(parents=True)
    with pytest.raises(DataError, match=f"{name} does not exist|{name} has no pic"):
        list_images([tmp_path / name])


def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        with pytest.raises(ImageError, match="it is a pipe or a device"):
            read_image(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"cannot read picture .*no\.jpg: No such file"):
        read_image(tmp_path / "no.jpg")
    with pytest.raises(DataError, match="cannot read picture"):
        read_image(tmp_path)
