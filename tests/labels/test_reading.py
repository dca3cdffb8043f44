"""Label files that cannot be read: one clear error each."""

import json
from pathlib import Path

import numpy as np
import pytest

from aepose.drawing import write_image
from aepose.errors import AeposeError
from aepose.labels import read_labels
from tests.labels.sets import content

HEAD = "scorer,ann,ann,ann,ann\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"
YOLO = "train: images\nval: images\nkpt_shape: [2, 3]\nnames: [mouse]\n"
MARK = {"original_width": 64, "original_height": 48, "type": "keypointlabels", "id": "k",
        "value": {"x": 50, "y": 50, "keypointlabels": ["nose"]}}


def write(folder, files):
    """Write texts, bytes, JSON; 0 stands for a picture."""
    for name, inside in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if inside == 0:
            write_image(path, np.zeros((48, 64, 3), np.uint8))
        elif isinstance(inside, bytes):
            path.write_bytes(inside)
        else:
            path.write_text(inside if isinstance(inside, str) else json.dumps(inside))


def task(*marks, by=1, **more):
    answers = [{"result": list(marks), "completed_by": by}]
    return {"id": 7, "data": {"image": "/data/upload/1/0a1b2c3d-p.png"}, "annotations": answers,
            **more}


def aic(numbers=42, visibility=1, box=(0, 0, 9, 9)):
    return [{"image_id": "p", "human_annotations": {"human1": list(box)},
             "keypoint_annotations": {"human1": [5, 5, visibility] * (numbers // 3)}}]


def coco(change):
    data = content()
    change(data)
    return data


BAD = {
    # COCO
    "no categories": ({"a.json": coco(lambda d: d.pop("categories"))}, "a.json", {},
                      "'categories' is missing"),
    "no names": ({"a.json": coco(lambda d: d["categories"][0].pop("keypoints"))}, "a.json", {},
                 "no category lists the names of its 'keypoints'.*--metainfo"),
    "unknown keypoints": ({"a.json": content()}, "a.json", {"metainfo": "coco"},
                          "are not the 17 of metainfo 'coco'|must be 51 numbers"),
    "unknown category": ({"a.json": coco(lambda d: (
        d["categories"].append({"id": 2, "name": "x"}), d["annotations"][0].update(category_id=5)))
    }, "a.json", {}, "category_id 5, which 'categories' does not have"),
    "NaN in COCO": ({"a.json": coco(lambda d: d["annotations"][0]["keypoints"].__setitem__(
        0, float("nan")))}, "a.json", {}, "annotation 1: 'keypoints' must be 12 numbers.*nan"),
    "a skeleton of 9": ({"a.json": coco(lambda d: d["categories"][0].update(skeleton=[[1, 9]]))},
                        "a.json", {}, "'skeleton' of category 1 must be.*from 1 to 4"),
    "a skeleton in words": ({"a.json": coco(lambda d: d["categories"][0].update(skeleton="x"))},
                            "a.json", {}, "'skeleton' of category 1 must be a list of pairs"),
    "another size": ({"a.json": coco(lambda d: None), "a/one.png": 0, "a/two.png": 0,
                      "b/one.png": 0}, "a.json", {"images": "."},
                     "one.png is 64x48, but a.json gives 50x70 for image id 3"),
    "unknown pair": ({"a.json": coco(lambda d: d["categories"][0].update(
        flip_pairs=[["tail", "wing"]]))}, "a.json", {}, "names 'tail' and 'wing', which are not"),
    "no pair": ({"a.json": coco(lambda d: d["categories"][0].update(flip_pairs=[["tail"]]))},
                "a.json", {}, "'flip_pairs' of category 1 is .* must be a list of pairs"),
    "score in words": ({"a.json": coco(lambda d: d["annotations"][0].update(score="high"))},
                       "a.json", {}, "annotation 1: 'score' must be a number"),
    "tracks": ({"a.json": coco(lambda d: d.update(tracks=[1]))}, "a.json", {}, "'tracks' must be"),
    "cut JSON": ({"a.json": '{"images": ['}, "a.json", {}, "not a JSON file"),
    "other JSON": ({"a.json": [1, 2]}, "a.json", {}, "not a label file that is known.*--from"),
    "no such folder": ({"a.json": content()}, "a.json", {"images": "none"}, "--images none"),
    # SLEAP
    "garbage": ({"a.slp": b"\x89HDF\r\n\x1a\n" + bytes(99)}, "a.slp", {},
                "a.slp: sleap-io [0-9.]+ cannot read it"),
    "text": ({"a.slp": "hello"}, "a.slp", {}, "cannot read it.*not of a newer version"),
    # DeepLabCut
    "no header": ({"c.csv": "a,b\n1,2\n"}, "c.csv", {}, "no file of DeepLabCut.*none of them"),
    "bytes": ({"c.csv": b"\xff\xfe\x00\x01"}, "c.csv", {}, "cannot be read as csv"),
    "cut row": ({"c.csv": HEAD + "p.png,1,2\n", "p.png": 0}, "c.csv", {}, "'p.png' has 3 columns"),
    "no number": ({"c.csv": HEAD + "p.png,1,2,x,4\n", "p.png": 0}, "c.csv", {},
                  "x of 'tail' is 'x'"),
    "half a point": ({"c.csv": HEAD + "p.png,1,2,3,\n", "p.png": 0}, "c.csv", {},
                     "'tail' has only one of x and y"),
    "far away": ({"c.csv": HEAD + "p.png,1,2,3,9999\n", "p.png": 0}, "c.csv", {},
                 "picture .*p.png: keypoint 'tail' lies at 3, 9999.*64x48"),
    "infinite": ({"c.csv": HEAD + "p.png,1,2,3,inf\n", "p.png": 0}, "c.csv", {}, "'tail' lies at"),
    "missing picture": ({"c.csv": HEAD + "q.png,1,2,3,4\n"}, "c.csv", {},
                        r"1 of its pictures are not there \(q.png\).*--images"),
    "same picture twice": ({"c.csv": HEAD + "a/p.png,1,2,3,4\nb/p.png,1,2,3,4\n", "p.png": 0},
                           "c.csv", {}, "a/p.png and b/p.png would both be"),
    "no picture": ({"c.csv": HEAD + "p.jpg,1,2,3,4\n", "p.jpg": "text"}, "c.csv", {},
                   "cannot read picture .*p.jpg"),
    "missing film": ({"c.csv": HEAD + "0,1,2,3,4\n"}, "c.csv", {}, "film c.mp4 is not there"),
    "two annotators": ({"l/f/CollectedData_ann.csv": HEAD, "l/f/CollectedData_bob.csv":
                        HEAD.replace("ann", "bob")}, "l", {},
                       "labelled by ann and by bob; say with --scorer"),
    "two in a file": ({"c.csv": HEAD.replace("ann,ann\nb", "bob,bob\nb")}, "c.csv", {},
                      "labelled by ann and by bob"),
    "two rows": ({"c.csv": HEAD + "p.png,1,2,3,4\n" * 2, "p.png": 0}, "c.csv", {},
                 "p.png has a row in c.csv, too"),
    "unknown scorer": ({"c.csv": HEAD}, "c.csv", {"scorer": "eve"}, "of the scorer 'eve'"),
    "unknown bodypart": ({"config.yaml": "bodyparts: [nose, ear]", "c.csv": HEAD}, "c.csv", {},
                         "bodyparts tail are labelled, but config.yaml does not list"),
    "only .h5": ({"config.yaml": "bodyparts: [nose]"}, "config.yaml", {}, "no CollectedData_"),
    # YAML
    "no YAML": ({"data.yaml": "a: [1"}, "data.yaml", {}, "cannot be read as YAML"),
    "code in YAML": ({"config.yaml": "!!python/object/apply:os.mkdir ['hacked']"}, "config.yaml",
                     {}, "cannot be read as YAML.*could not determine a constructor"),
    "no mapping": ({"config.yaml": "- 1"}, "config.yaml", {}, "no mapping of keys"),
    # Ultralytics
    "no folder": ({"data.yaml": YOLO}, "data.yaml", {}, "images is not below"),
    "no classes": ({"data.yaml": YOLO.replace("[mouse]", "3")}, "data.yaml", {}, "names is 3"),
    "no shape": ({"data.yaml": YOLO.replace("[2, 3]", "5")}, "data.yaml", {}, "kpt_shape is 5"),
    "few numbers": ({"data.yaml": YOLO, "images/p.png": 0, "labels/p.txt": "0 .5 .5 .5 .5 .1 .1 2"},
                    "data.yaml", {}, "p.txt, line 1: 8 numbers"),
    "NaN": ({"data.yaml": YOLO, "images/p.png": 0, "labels/p.txt":
             "0 .5 .5 .5 .5 .1 nan 2 .1 .1 2"}, "data.yaml", {}, "line 1: 11 numbers.*finite"),
    "unknown class": ({"data.yaml": YOLO, "images/p.png": 0, "labels/p.txt":
                       "3 .5 .5 .5 .5 .1 .1 2 .1 .1 2"}, "data.yaml", {}, "class 3 is not among"),
    "no text": ({"data.yaml": YOLO, "images/p.png": 0, "labels/p.txt": b"\xff"}, "data.yaml", {},
                "p.txt: cannot be read as text"),
    "words": ({"data.yaml": YOLO, "images/p.png": 0, "labels/p.txt": "cat"}, "data.yaml", {},
              "'cat' are not numbers alone"),
    # Label Studio
    "two answers": ({"t.json": [{**task(MARK), "annotations": task(MARK)["annotations"]
                                 + task(MARK, by={"email": "b@c.d"})["annotations"]}]}, "t.json",
                    {}, "labelled 2 times, by 1 and by b@c.d; say with --scorer"),
    "JSON-MIN": ({"t.json": [{"data": {"image": "p.png"}, "annotations": [{"kp": 1}]}]}, "t.json",
                 {}, "not as JSON-MIN"),
    "two noses": ({"t.json": [task(MARK, {**MARK, "id": "l"})], "p.png": 0}, "t.json", {},
                  "task 7: a creature has two keypoints 'nose'"),
    "no coordinate": ({"t.json": [task({**MARK, "value": {"keypointlabels": ["nose"], "x": "1"}})],
                       "p.png": 0}, "t.json", {}, "must be numbers, in percent"),
    "a region of words": ({"t.json": [task({**MARK, "value": "x"})]}, "t.json", {},
                          "the region .* is not as Label Studio's are"),
    "one picture twice": ({"t.json": [task(MARK), task(MARK)], "p.png": 0}, "t.json", {},
                          "p.png is labelled in two places"),
    "nobody": ({"t.json": [task()], "p.png": 0}, "t.json", {}, "nobody is labelled with keypoints"),
    "no label": ({"t.json": [task({**MARK, "value": {}})]}, "t.json", {}, "has no label"),
    "no address": ({"t.json": [task(MARK, data={})]}, "t.json", {}, "names no picture"),
    "not its names": ({"t.json": [task(MARK)]}, "t.json", {"metainfo": "aic"},
                      "keypoints nose of 'creature' are not among"),
    # the originals, results
    "39 numbers": ({"a.json": aic(39), "p.jpg": 0}, "a.json", {}, "human1: .*must be 42 numbers"),
    "visibility 4": ({"a.json": aic(visibility=4), "p.jpg": 0}, "a.json", {}, "the visibility 4"),
    "a box far away": ({"a.json": aic(box=(0, 0, 9000, 9)), "p.jpg": 0}, "a.json", {},
                       "p.jpg .*a box is .*must be x, y, width"),
    "no box": ({"a.json": aic(box=()), "p.jpg": 0}, "a.json", {}, "its box is "),
    "no .mat": ({"m/pose_annos/1.mat": b"no mat", "m/images/1.jpg": 0}, "m", {},
                "1.mat: cannot be read as a .mat file"),
    "not a part": ({"m/train/pose_annos/1.mat": b""}, "m", {}, "give LV-MHP-v2/train"),
    "results alone": ({"r.json": [{"image_id": 1, "score": 0.5}]}, "r.json", {}, "--annotations"),
    "empty": ({"r.jsonl": ""}, "r.jsonl", {}, "no results"),
    "unknown": ({"x.txt": "x"}, "x.txt", {}, "not a label file that is known"),
    "unknown format": ({"x.txt": "x"}, "x.txt", {"format": "yolo"}, "'yolo' cannot be read"),
    "empty folder": ({"f/x.txt": "x"}, "f", {}, "a folder without labels"),
    "missing": ({}, "x.slp", {}, "no such label file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(tmp_path, monkeypatch, name):
    files, source, options, expected = BAD[name]
    monkeypatch.chdir(tmp_path)
    write(tmp_path, files)
    with pytest.raises(AeposeError, match=f"(?s){expected}") as error:
        read_labels(Path(source), **options)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "hacked").exists()
