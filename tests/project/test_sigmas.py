"""OKS sigmas: drawn scatter is found again, neighbours are no repeats, defaults are said."""

import json

import numpy as np
import pytest

from aepose.commands.app import call
from aepose.errors import ConfigError, DataError
from aepose.evaluation.ground_truth import BOX_SHARE
from aepose.metainfo import get_metainfo
from aepose.project.sigmas import LEAST, SigmaEstimate, estimate_sigmas, write_sigmas

SIGMAS = np.array([0.02, 0.05, 0.1])
SHAPE = np.array([[0, 0], [60, 0], [0, 80]], float)
AREA, FAR, CLOSE = 6400.0, 300, 24     # s is 80 pixels


def creatures(number, apart=FAR, seed=0, sigmas=SIGMAS):
    """(number, 2, 3, 3) annotations of two creatures in each picture, scattered by ``sigmas``."""
    rng = np.random.default_rng(seed)
    places = SHAPE + np.array([[[0, 0]], [[apart, 0]]]) + 100
    scatter = rng.normal(size=(number, 2, 3, 2)) * (sigmas * AREA**0.5 / 2**0.5)[:, None]
    return np.concatenate([places + scatter, np.full((number, 2, 3, 1), 2.0)], axis=-1)


def write(path, *sets, size=640, tracks=False, box=None):
    """Write annotation sets as one file; ``box`` stands for the area."""
    extent = {"area": AREA} if box is None else {"bbox": box}
    images = [{"id": i, "file_name": f"{i}.jpg", "width": size, "height": 480}
              for i in range(len(sets[0]))]
    people = [{"image_id": i, "category_id": 1, "keypoints": joints.ravel().tolist(), "iscrowd": 0,
               **extent, **({"track_id": number} if tracks else {})}
              for given in sets for i, both in enumerate(given)
              for number, joints in enumerate(both)]
    path.write_text(json.dumps({
        "images": images, "annotations": [{**p, "id": i} for i, p in enumerate(people)],
        "categories": [{"id": 1, "name": "c", "keypoints": ["head", "left", "right"]}]}))
    return str(path)


@pytest.mark.parametrize("files", ["two", "one"])
def test_drawn_scatter_is_found(three, tmp_path, files):
    """|a - b|^2 / 2 s^2 of 400 repeats: the standard error of sigma is 2.5 %."""
    sets = [creatures(200, seed=seed) for seed in (1, 2)]
    if files == "two":
        paths = [write(tmp_path / f"{i}.json", given) for i, given in enumerate(sets)]
    else:
        paths = [write(tmp_path / "both.json", *sets, tracks=True)]
    found = estimate_sigmas(paths, three)
    assert all(390 <= one.count + one.left_out <= 400 for one in found)
    assert [one.sigma for one in found] == pytest.approx(SIGMAS, rel=0.08)


def test_an_area_is_the_metrics(three, tmp_path):
    """Where a file gives none, OKS goes by 0.53 of the box; so does what OKS's sigmas are for."""
    sets = [creatures(20, seed=seed) for seed in (1, 2)]
    by_area, by_box = ([one.sigma for one in estimate_sigmas(
        [write(tmp_path / f"{i}.json", given, box=box) for i, given in enumerate(sets)], three)]
        for box in (None, [90, 90, 80, AREA / 80 / BOX_SHARE]))
    assert by_box == pytest.approx(by_area)


def test_mistakes_are_left_out(three, tmp_path):
    first, second = creatures(200, seed=1), creatures(200, seed=2)
    second[:20, :, 0, 0] += 30
    found = estimate_sigmas([write(tmp_path / f"{i}.json", given)
                             for i, given in enumerate((first, second))], three)[0]
    assert found.sigma == pytest.approx(SIGMAS[0], rel=0.1)
    assert 40 <= found.left_out < 45


@pytest.mark.parametrize(("sets", "apart", "why"), [
    (1, FAR, "no repeats"),
    (1, CLOSE, "no repeats"),                # 0.3 s from each other
    ("copies", FAR, "no repeats"),
    ("few", FAR, f"{LEAST - 2} repeats, fewer than {LEAST}"),
    ("one more", FAR, "no repeats"),         # of two in a picture one has a neighbour
])
def test_no_repeats(three, tmp_path, sets, apart, why):
    given = [creatures(20, apart)]
    if sets == "copies":
        given *= 2
    elif sets == "few":
        given = [creatures((LEAST - 2) // 2, seed=seed) for seed in (1, 2)]
    elif sets == "one more":
        given.append(creatures(20, seed=3)[:, :1])
    found = estimate_sigmas([write(tmp_path / "a.json", *given)], three)
    assert {(one.sigma, one.why) for one in found} == {(None, why)}


def test_neighbours_are_told_by_their_tracks(three, tmp_path):
    given = creatures(20, apart=6)
    assert estimate_sigmas([write(tmp_path / "a.json", given)], three)[0].count == 20
    assert estimate_sigmas([write(tmp_path / "a.json", given, tracks=True)], three)[0].count == 0


def test_most_are_copied(three, tmp_path):
    first, second = creatures(20, seed=1), creatures(20, seed=2)
    second[:, :, 0] = first[:, :, 0]
    found = estimate_sigmas([write(tmp_path / f"{i}.json", given)
                             for i, given in enumerate((first, second))], three)
    assert [one.why for one in found] == ["most repeats are equal, so copied", "", ""]


def test_pictures_of_two_sizes(three, tmp_path):
    paths = [write(tmp_path / f"{size}.json", creatures(2), size=size) for size in (640, 320)]
    with pytest.raises(DataError, match=r"320\.json: 0\.jpg is 320x480, and 640x480 in another"):
        estimate_sigmas(paths, three)


KEYPOINTS = """// sigmas are a default, 0.05 for each
{
  "name": "three", "keypoint_names": ["head", "left", "right"],   // "sigmas": [9]
  "flip_pairs": [["left", "right"]],
  "sigmas": [0.05,
             0.05, 0.05],                                         // my own remark
  "skeleton": []
}
"""


def test_the_command(tmp_path, capsys):
    paths = [write(tmp_path / f"{i}.json", creatures(20, seed=i)) for i in range(2)]
    file = tmp_path / "keypoints.json"
    file.write_text(KEYPOINTS)
    call(["sigmas", *paths, "--write", str(file)])
    said = capsys.readouterr().out
    assert "| left     | 0.0" in said
    text = file.read_text()
    assert "// my own remark" in text
    assert "// sigmas were estimated" in text
    assert get_metainfo(file).sigmas == pytest.approx(SIGMAS, rel=0.4)
    call(["sigmas", paths[0], "--write", str(file)])
    assert "3 of 3 keypoints keep the sigma that they have" in capsys.readouterr().out
    assert file.read_text() == text


def test_what_has_no_estimate_keeps_its_sigma(tmp_path):
    file = tmp_path / "keypoints.json"
    file.write_text(KEYPOINTS)
    write_sigmas(file, [SigmaEstimate(name, sigma, 0) for name, sigma in (
        ("head", None), ("left", 0.123456), ("right", None))])
    assert get_metainfo(file).sigmas == (0.05, 0.1235, 0.05)
    file.write_text(json.dumps({**get_metainfo("coco").__dict__, "name": 'a//b "sigmas": [1]'}))
    write_sigmas(file, [SigmaEstimate("", 0.2, 0)] * 17)
    assert get_metainfo(file).sigmas == (0.2,) * 17
    file.write_text(KEYPOINTS.replace('"sigmas": [0', '"s\\u0069gmas": [0'))
    with pytest.raises(ConfigError, match=r"the place of 'sigmas' is not found.*\[0\.2, 0\.2"):
        write_sigmas(file, [SigmaEstimate("", 0.2, 0)] * 3)
