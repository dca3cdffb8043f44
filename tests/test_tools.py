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


def test_subset_of_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"no\.json"):
        load_tool("subset_annotations").main([str(tmp_path / "no.json"), str(tmp_path / "a.json")])


def test_file_length(tmp_path):
    check = load_tool("check_file_length")
    (tmp_path / "long.py").write_text("x = 1\n" * (check.LIMIT + 1))
    (tmp_path / "short.py").write_text("x = 1\n" * check.LIMIT)
    found = check.too_long(sorted(Path(tmp_path).glob("*.py")))
    assert found == [f"{tmp_path / 'long.py'}: {check.LIMIT + 1} lines"]
