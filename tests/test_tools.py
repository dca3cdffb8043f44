"""Tools that have no module of their own to test."""

import importlib.util
import json
from pathlib import Path

import pytest

from aepose.errors import DataError
from tests.golden_check import ROOT


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    load_tool("subset_annotations").main([str(annotations), str(out), *options])
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
    evaluate, analyze, subset = map(load_tool, (
        "eval_results", "analyze_errors", "subset_annotations"))
    for call in (lambda: evaluate.main([annotations, found, "--dataset", "coco"]),
                 lambda: analyze.main([annotations, found]),
                 lambda: subset.main([annotations, str(tmp_path / "some.json")])):
        with pytest.raises(DataError, match=r"'adult' .*, 2 'child' .* say with category="):
            call()
    both = ["--category", "adult,2"]
    evaluate.main([annotations, found, "--dataset", "coco", *both])
    assert "| found | 1.000 |" in capsys.readouterr().out
    evaluate.main([annotations, found, "--dataset", "coco", *both, "--max-detections", "1"])
    assert "| found | 0.505 |" in capsys.readouterr().out
    analyze.main([annotations, found, *both, "--max-detections", "1"])
    assert "| all           |     1 |      1 |" in capsys.readouterr().out
    subset.main([annotations, str(tmp_path / "some.json"), "--category", "child"])
    content = json.loads((tmp_path / "some.json").read_text())
    assert [a["id"] for a in content["annotations"]] == [2]


def test_subset_of_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"no\.json"):
        load_tool("subset_annotations").main([str(tmp_path / "no.json"), str(tmp_path / "a.json")])


def test_file_length(tmp_path):
    check = load_tool("check_file_length")
    (tmp_path / "long.py").write_text("x = 1\n" * (check.LIMIT + 1))
    (tmp_path / "short.py").write_text("x = 1\n" * check.LIMIT)
    found = check.too_long(sorted(Path(tmp_path).glob("*.py")))
    assert found == [f"{tmp_path / 'long.py'}: {check.LIMIT + 1} lines"]
