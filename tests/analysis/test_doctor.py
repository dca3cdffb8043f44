"""What ``aepose doctor`` says of data: one thing spoilt at a time."""

import json
import shutil
from pathlib import Path

import pytest

from aepose.analysis.doctor import can_train, examine
from aepose.analysis.findings import Finding, format_findings
from aepose.commands.app import call

TRAIN = "annotations/person_keypoints_train2017.json"
VAL = "annotations/person_keypoints_val2017.json"


@pytest.fixture
def data(toy_root, tmp_path):
    """A copy of the toy set that may be spoilt."""
    return Path(shutil.copytree(toy_root, tmp_path / "toy"))


def spoil(data, change, file=TRAIN):
    content = json.loads((data / file).read_text())
    labelled = [a for a in content["annotations"] if max(a["keypoints"]) and not a["iscrowd"]]
    change(content, labelled)
    (data / file).write_text(json.dumps(content))


def told(tiny_config, data, *options):
    config = tiny_config("doctor").file
    found = examine(config, [f"data_root={data}", *options])
    return found, {(finding.level, finding.text) for part in list(found.values())[1:]
                   for finding in part if finding.level != "ok"}


def test_a_sound_set(tiny_config, data):
    found, said = told(tiny_config, data)
    assert can_train(found)
    assert said == {
        ("note", "1 picture without people: 000000000007.jpg"),
        ("warning", "15 people with keypoints to train on: hardly enough"),
        ("warning", "9 people with keypoints to test on: what differs by less than about 0.33 in AP"
         " may be chance")}
    counts = next(part for title, part in found.items() if title.startswith("Training data"))
    assert counts[0].text.startswith("8 pictures, ")


def repeat(content, labelled):
    content["annotations"].append({**labelled[0], "id": 9000})


def list_twice(content, labelled):
    content["images"].append({**content["images"][0], "id": 9000})


def corners(content, labelled):
    for person in labelled:
        x, y, width, height = person["bbox"]
        person["bbox"] = [x, y, x + width + 400, y + height + 400]


def no_extent(content, labelled):
    labelled[0]["bbox"][2] = 0


def other_box(content, labelled):
    labelled[0]["bbox"] = [0, 0, 3, 3]


def outside(content, labelled):
    labelled[0]["keypoints"][:3] = [-20, 5, 2]


def no_box(content, labelled):
    del labelled[0]["bbox"]


def no_nose(content, labelled):
    for person in content["annotations"]:
        person["keypoints"][:3] = [0, 0, 0]


def null_crowd(content, labelled):
    labelled[0]["iscrowd"] = None


def new_picture(content, labelled):
    content["images"][0]["file_name"] = "new.jpg"


def other_size(content, labelled):
    content["images"][0]["width"] += 1


def unreadable(content, labelled):
    content["images"][0]["width"] = "wide"


@pytest.mark.parametrize(("change", "level", "said"), [
    (repeat, "warning", "1 person with the keypoints of another one in the picture: 9000 as "),
    (list_twice, "warning", "1 picture listed more than once: "),
    (corners, "warning", "annotations with a box beyond the picture: "),
    (no_extent, "warning", "1 annotation with a box without extent: "),
    (other_box, "warning", "1 annotation with most keypoints outside of the box: "),
    (outside, "warning", "1 annotation with labelled keypoints outside of the picture: "),
    (no_box, "note", "1 annotation without a box: "),
    (no_nose, "warning", "1 keypoint that nobody has: nose"),
    (null_crowd, "warning", "1 annotation with iscrowd null: taken for no crowd"),
    (new_picture, "error", "1 picture of 8 not there: "),
    (new_picture, "note", "1 picture in "),
    (other_size, "error", "1 of 8 pictures that were tried: "),
    (unreadable, "error", "'width' is 'wide'; it must be a whole number"),
])
def test_one_thing_spoilt(tiny_config, data, change, level, said):
    spoil(data, change)
    found, texts = told(tiny_config, data)
    assert [text for kind, text in texts if kind == level and said in text], texts
    assert can_train(found) == ("error" not in {kind for kind, _ in texts})
    # The validation set is another file.
    assert not any("val2017.json" in text for _, text in texts)


def test_corners_are_recognised(tiny_config, data):
    spoil(data, corners)
    found, _ = told(tiny_config, data)
    advice = [finding.advice for part in found.values() for finding in part]
    assert "so many: are they two corners? A box is x, y, width, height" in advice


def test_what_evaluation_needs(tiny_config, data):
    spoil(data, no_box, VAL)
    found, texts = told(tiny_config, data)
    assert not can_train(found)
    assert any("has no 'bbox'; evaluation needs it" in text for _, text in texts)


def test_many_people(tiny_config, data):
    def crowd(content, labelled):
        content["annotations"] = [
            {**labelled[0], "id": number, "keypoints": [number + 1.5, 2, 2] * 17}
            for number in range(21)]

    spoil(data, crowd, VAL)
    _, texts = told(tiny_config, data)
    assert any(text.startswith("1 picture with more than 20 people: ") for _, text in texts)


def test_bad_pictures_may_be_skipped(tiny_config, data):
    next((data / "train2017").glob("*.jpg")).write_bytes(b"no picture")
    assert not can_train(told(tiny_config, data)[0])
    found, texts = told(tiny_config, data, "train_dataloader.dataset.on_bad_image=skip")
    assert can_train(found)
    assert any(level == "warning" and "cannot be decoded" in text for level, text in texts)


def test_no_folder(tiny_config, data):
    shutil.rmtree(data / "train2017")
    found, texts = told(tiny_config, data)
    assert ("error", f"folder {data / 'train2017'} is not there") in texts
    found, texts = told(tiny_config, data / "elsewhere")
    assert not can_train(found)
    assert any(text.startswith(f"data_root {data / 'elsewhere'} is not there") for _, text in texts)


def test_pictures_of_both_sets(tiny_config, data):
    _, texts = told(tiny_config, data, f"val_dataloader.dataset.ann_file={TRAIN}",
                    "val_dataloader.dataset.img_dir=train2017")
    assert any(text.startswith("7 pictures both trained on and tested on") for _, text in texts)


@pytest.mark.parametrize(("split", "kind", "title"), [
    ("train", {"type": "ConcatDataset"}, "Training data"),
    ("val", {"type": "EvalSets", "names": ["a", "b"]}, "Validation data"),
])
def test_several_sets(tiny_config, data, split, kind, title):
    changed = tiny_config("doctor").changed({f"{split}_dataloader.dataset": {
        "_delete_": True, **kind, "datasets": [
            {"type": "CocoKeypoints", "ann_file": file, "img_dir": file.split("_")[2][:-5]}
            for file in (TRAIN, VAL)]}})
    path = data / "several.py"
    path.write_text("\n".join(f"{key} = {value!r}" for key, value in changed.to_dict().items()))
    found = examine(str(path), [f"data_root={data}"])
    assert can_train(found)
    assert [name.rsplit("_", 1)[1] for name in found if name.startswith(f"{title}: ")] == [
        "train2017.json", "val2017.json"]


def test_weights_that_are_still_to_come(tiny_config, data, monkeypatch, tmp_path):
    monkeypatch.setenv("AEPOSE_HOME", str(tmp_path / "home"))
    _, texts = told(tiny_config, data, "model.pretrained=hrnet_w32")
    assert any("which is not here yet" in text for _, text in texts)


@pytest.mark.parametrize(("options", "status", "last"), [
    ([], 0, "Training can start; `aepose train "),
    (["data_root=nowhere"], 1, "Training cannot start: see the errors above."),
    (["model.backbone.widht=3"], 1, "Training cannot start: see the errors above."),
])
def test_command(tiny_config, data, capsys, options, status, last):
    arguments = ["doctor", tiny_config("doctor").file, "--cfg-options", f"data_root={data}"]
    assert call([*arguments, *options]) == status
    printed = capsys.readouterr().out
    assert printed.startswith("This machine\n  ok       aepose ")
    assert printed.splitlines()[-1].startswith(last)
    assert max(map(len, printed.splitlines()[:-1])) < 200


def test_without_a_config(capsys):
    assert call(["doctor"]) == 0
    assert "Config" not in capsys.readouterr().out


def test_format():
    long = "word " * 30
    text = format_findings({"One": [Finding("error", "bad", "mend it"), Finding("ok", long)],
                            "Two": []})
    lines = text.splitlines()
    assert lines[0] == "One"
    assert lines[1].startswith("  ok       word")
    assert lines[2].startswith("           word")
    assert lines[-4:] == ["  error    bad", "           → mend it", "", "Two"]
    assert max(map(len, lines)) <= 100
