"""Label files of other programs: each is read, or named with what is wrong in it."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given

from aepose.drawing import write_image
from aepose.errors import DataError
from aepose.labels import read_labels, write_labels
from tests.hostile.mutants import changed_bytes, changed_json, fewer
from tests.hostile.test_data import outcome
from tests.labels.sets import content, write_set
from tests.labels.test_label_studio import BOX, LINK, OTHER, TAIL
from tests.labels.test_reading import MARK, aic, task

pytestmark = pytest.mark.hostile  # they take a while
JSON = {"coco": content(), "label-studio": [task(BOX, TAIL, MARK, LINK, OTHER)], "aic": aic()}
# What is changed in files that are whole -> the format that they belong to.
FILES = {"dlc/labeled-data/a/CollectedData_aepose.csv": "deeplabcut", "dlc/config.yaml":
         "deeplabcut", "yolo/data.yaml": "ultralytics", "yolo/labels/a/one.txt": "ultralytics"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    labels = read_labels(write_set(folder), images=folder / "pictures")
    write_labels(labels, folder / "dlc", "deeplabcut")
    write_labels(labels, folder / "yolo", "ultralytics")
    write_labels(labels, folder / "set.slp")
    for name in ("p.png", "p.jpg"):
        write_image(folder / name, np.zeros((48, 64, 3), np.uint8))
    return folder


def convert(source, folder, kind):
    """Read labels and write them as COCO and as Ultralytics has them: these can be read again."""
    images = folder / "pictures" if kind == "coco" else None
    for target, format in (("out.json", "coco"), ("out", "ultralytics")):
        path = folder / "written" / target
        shutil.rmtree(path.parent, ignore_errors=True)
        written = outcome(lambda path=path, format=format: write_labels(
            read_labels(source, kind, images=images), path, format))
        if not isinstance(written, DataError):
            again = read_labels(path, format, images=written.folder if format == "coco" else None)
            assert len(again.data["images"]) == len(written.data["images"])
            assert len(again.data["annotations"]) == len(written.data["annotations"])


@pytest.mark.parametrize("kind", JSON)
def test_json(folder, kind):
    @fewer(60)
    @given(changed_json(JSON[kind]))
    def check(changed):
        path = folder / "changed.json"
        path.write_text(json.dumps(changed))
        convert(path, folder, kind)
    check()


@pytest.mark.parametrize("name", FILES)
def test_texts(folder, name):
    path, whole = folder / name, (folder / name).read_bytes()

    @fewer(40)
    @given(changed_bytes(whole))
    def check(changed):
        path.write_bytes(changed)
        convert(folder / name.split("/")[0], folder, FILES[name])
    try:
        check()
    finally:
        path.write_bytes(whole)


def test_sleap(folder):
    @fewer(20)
    @given(changed_bytes((folder / "set.slp").read_bytes()))
    def check(changed):
        (folder / "changed.slp").write_bytes(changed)
        convert(folder / "changed.slp", folder, "sleap")
    check()
