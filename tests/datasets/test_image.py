import cv2
import numpy as np
import pytest
from PIL import Image

from aepose.datasets.image import read_image
from aepose.errors import DataError

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


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"cannot read picture .*no\.jpg: No such file"):
        read_image(tmp_path / "no.jpg")
    with pytest.raises(DataError, match="cannot read picture"):
        read_image(tmp_path)
