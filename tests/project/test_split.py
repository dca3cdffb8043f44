import pytest

from aepose.errors import DataError
from aepose.project.split import split_images


def film(name, count):
    return [f"{name}_{number:04}.png" for number in range(count)]


@pytest.mark.parametrize(("names", "tested", "told"), [
    (film("a", 50) + film("b", 10) + film("c", 40), {"b"}, "parted by film: b to test on, a, c to"),
    (film("a", 50) + film("b", 50), 50, "parted by film: "),          # half of them, for want
    (film("a", 70) + film("b", 30), {"b"}, "no film is in both"),
    ([f"{number}.png" for number in range(50)], 10, "at random (seed 0); if they are frames"),
    (film("a", 3), 1, "at random (seed 0)"), (film("a", 2), 1, "at random (seed 0)"),
])
def test_split(names, tested, told):
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    split = split_images(images, "a.json")
    again = split_images(list(images), "a.json")
    assert (split.train, split.val) == (again.train, again.val)
    assert {i["id"] for i in split.train} | {i["id"] for i in split.val} == set(range(len(names)))
    assert len(split.train) + len(split.val) == len(names)
    assert told in split.told
    if isinstance(tested, set):
        assert {image["file_name"][0] for image in split.val} == tested
        assert not tested & {image["file_name"][0] for image in split.train}
    else:
        assert len(split.val) == tested


def test_about_a_fifth_of_many_films():
    images = [{"id": f"{number}{name}", "file_name": name} for number in range(20)
              for name in film(f"film{number}x", 5 + number)]
    split = split_images(images, "a.json")
    assert 0.2 <= len(split.val) / len(images) <= 0.3
    assert "… (" in split.told


def test_one_film_is_said():
    images = [{"id": i, "file_name": f"{i}.png", "video": "a.mp4"} for i in range(10)]
    assert "all are of one film, a.mp4: frames of a film are alike" in split_images(
        images, "a.json").told


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_part(count):
    with pytest.raises(DataError, match=f"a.json has {count} pictures, .* with --val"):
        split_images([{"id": 1, "file_name": "a.png"}] * count, "a.json")
