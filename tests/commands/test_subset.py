"""``aepose subset``, and the choice of categories that it shares with eval and analyze."""

import json

import pytest

from aepose.commands.app import call
from aepose.errors import DataError


@pytest.fixture
def annotations(tmp_path):
    def person(number, image, visibility, crowd=0):
        return {"id": number, "image_id": image, "category_id": 1, "iscrowd": crowd,
                "num_keypoints": 17 * bool(visibility), "keypoints": [1, 1, visibility] * 17}
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 8, "height": 8} for i in range(4)],
        "annotations": [person(1, 0, 0), person(2, 1, 2), person(3, 2, 1, crowd=1),
                        person(4, 3, 1), person(5, 3, 0)],
        "categories": [{"id": 1, "name": "person"}],
    }
    path = tmp_path / "all.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(("options", "images", "people"), [
    ([], [0, 1, 2, 3], [1, 2, 3, 4, 5]),
    (["--with-people"], [1, 3], [2, 4, 5]),
    (["--count", "2"], [0, 1], [1, 2]),
    (["--with-people", "--count", "1"], [1], [2]),
])
def test_subset_annotations(annotations, tmp_path, options, images, people):
    out = tmp_path / "new" / "some.json"
    call(["subset", str(annotations), str(out), *options])
    content = json.loads(out.read_text())
    assert [i["id"] for i in content["images"]] == images
    assert [a["id"] for a in content["annotations"]] == people


@pytest.fixture
def two_categories(tmp_path):
    """People of two categories side by side, and results that find them all."""
    joints = [[30 * person + k, 2 * k, 2] for person in range(2) for k in range(17)]
    people = [{"id": 1 + p, "image_id": 1, "category_id": 1 + p, "bbox": [30 * p, 0, 16, 32],
               "area": 512, "keypoints": [v for row in joints[17 * p : 17 * p + 17] for v in row]}
              for p in range(2)]
    content = {"images": [{"id": 1, "file_name": "1.jpg", "width": 64, "height": 48}],
               "annotations": people,
               "categories": [{"id": 1, "name": "adult"}, {"id": 2, "name": "child"}]}
    files = tmp_path / "people.json", tmp_path / "found.json"
    files[0].write_text(json.dumps(content))
    files[1].write_text(json.dumps([{**p, "category_id": 1, "score": 0.5} for p in people]))
    return [str(file) for file in files]


def test_a_choice_of_categories(two_categories, tmp_path, capsys):
    annotations, found = two_categories
    some = str(tmp_path / "some.json")
    for command in (["eval", annotations, found, "--dataset", "coco"],
                    ["analyze", annotations, found], ["subset", annotations, some]):
        with pytest.raises(DataError, match=r"'adult' .*, 2 'child' .* say with category="):
            call(command)
    both = ["--category", "adult,2"]
    call(["eval", annotations, found, "--dataset", "coco", *both])
    assert "| found | 1.000 |" in capsys.readouterr().out
    call(["eval", annotations, found, "--dataset", "coco", *both, "--max-detections", "1"])
    assert "| found | 0.505 |" in capsys.readouterr().out
    call(["analyze", annotations, found, *both, "--max-detections", "1"])
    assert "| all           |     1 |      1 |" in capsys.readouterr().out
    call(["subset", annotations, some, "--category", "child"])
    content = json.loads((tmp_path / "some.json").read_text())
    assert [a["id"] for a in content["annotations"]] == [2]


def test_subset_of_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"no\.json"):
        call(["subset", str(tmp_path / "no.json"), str(tmp_path / "a.json")])
