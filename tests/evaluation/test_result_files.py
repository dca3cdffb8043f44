"""Files of people found: read back, or refused with a reason."""

import gzip
import json

import numpy as np
import pytest

from aepose.errors import DataError
from aepose.evaluation import CocoMetric, load_records
from tests.evaluation.test_coco_metric import (
    PARTS,
    PERSON,
    POINTS,
    TWO,
    result,
    whole,
    with_parts,
    write,
)


def record(image_id=1, x=100.0, score=0.9, **changes):
    """A large person whose two keypoints are opposite corners of a square."""
    made = {"image_id": image_id, "category_id": 7, "score": score,
            "keypoints": [x, 0.0, 0.8, x + 100, 100.0, 0.8], **changes}
    return {key: value for key, value in made.items() if value is not None}


def load(folder, records, annotations=PERSON, metainfo=TWO, **options):
    path = folder / "found.json"
    path.write_text(json.dumps(records))
    metric = CocoMetric(metainfo, write(folder, annotations), **options)
    return metric, load_records(path, metric)


NAN = float("nan")
REFUSED = {
    "annotations": ({"images": [], "annotations": []}, "found.json is not a result file.*annota"),
    "a number": (3, "is not a result file: expected a list"),
    "list of lists": ([[1, 2]], "is not a result file"),
    "no score": ([record(), record(x=5, score=None)], "record 1 has no 'score'"),
    "no image": ([record(image_id=None)], "record 0 has no 'image_id'"),
    "no category": ([record(category_id=None)], "record 0 has no 'category_id'"),
    "no keypoints": ([record(keypoints=None)], "record 0 .* has no 'keypoints'.*'two'"),
    "score is NaN": ([record(score=NAN)], r"record 0 \(image 1\): 'score' is nan"),
    "score is text": ([record(score="high")], "'score' is 'high'"),
    "keypoint is NaN": ([record(keypoints=[NAN, *[1] * 5])], "6 values, among them nan; .*finite"),
    "last is NaN": ([record(keypoints=[*[1] * 5, NAN])], "6 values, among them nan; .*finite"),
    "keypoint is null": ([record(keypoints=[None, *[1] * 5])], "among them None; .*finite"),
    "keypoints are true": ([record(keypoints=[True] * 6)], "among them True; .*finite"),
    "keypoint of 400 digits": ([record(keypoints=[10**400, 0.5, *[1] * 4])], "among them 1000"),
    "score of 400 digits": ([record(score=10**400)], r"'score' is 1000.*at most 1e\+09"),
    "score is true": ([record(score=True)], "'score' is True"),
    "score is a list": ([record(score=[])], r"'score' is \[\]"),
    "image is a list": ([record(image_id=[1])], r"record 0: 'image_id' is \[1\]; an id is"),
    "category is an object": ([record(category_id={})], r"record 0: 'category_id' is \{\}; an id"),
    "box is huge": ([record(bbox=[0, 0, 1e200, 1e200])], r"'bbox' is .*1e\+200"),
    "three keypoints": ([record(keypoints=[1] * 9)],
                        "'keypoints' has 9 values, but 'two' has 2 keypoints.*right data set"),
    "text for keypoints": ([record(keypoints="no")], "'keypoints' has str 'no', but"),
    "unknown image": ([record(), record(77), record(78)],
                      "2 of 3 records have a 'image_id' that .*people.json does not know.* 77"),
    "unknown category": ([record(category_id=1)], "1 of 1 records have a 'category_id'"),
    "bad box": ([record(bbox=[1, 2, 3])], r"'bbox' is \[1, 2, 3\]"),
    "two files in one": ([record(), record(2), record()], "record 2 of image 1 is there twice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    content, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        load(tmp_path, content)


@pytest.mark.parametrize(("content", "message"), [
    (None, "gone.json: no such result file"),
    (b"[{", "gone.json: not a JSON file .*was it written"),
])
def test_unreadable(tmp_path, content, message):
    path = tmp_path / "gone.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_records(path, CocoMetric(TWO, write(tmp_path, PERSON)))


def test_half_a_packed_file(tmp_path):
    path = tmp_path / "found.json.gz"
    path.write_bytes(gzip.compress(json.dumps([record()] * 50).encode())[:-9])
    with pytest.raises(DataError, match=r"found\.json\.gz: the result file cannot be read"):
        load_records(path, CocoMetric(TWO, write(tmp_path, PERSON)))


@pytest.mark.parametrize(("records", "ap"), [
    ([record()], 1),
    ([record(bbox=[100, 0, 100, 100])], 1),
    ([record(2, x=600), record()], 0.5 * 2),
    ([record(score=0.5), record(x=600, score=0.9)], 0.5),
    ([record(), record()], 1),
    ([], 0),
], ids=["one", "with its box", "in any order", "a false alarm", "two equal people", "nobody"])
def test_metrics_of_a_file(tmp_path, records, ap):
    metric, loaded = load(tmp_path, records)
    assert metric.compute_from_records(loaded)["AP"] == pytest.approx(ap, abs=1e-12)
    assert all(r["bbox"][2:] == [100, 100] for r in loaded)


def test_a_box_of_the_files_own_stays(tmp_path):
    _, loaded = load(tmp_path, [record(bbox=[1, 2, 3, 4])])
    assert loaded[0]["bbox"] == [1, 2, 3, 4]


def test_a_file_gives_what_the_pictures_gave(tmp_path):
    """Also the box, whose area decides which size range a detection belongs to."""
    metric = CocoMetric(TWO, write(tmp_path, PERSON))
    shift = np.float32(1 / 3)
    metric.process(None, [result(1, (100 + shift, 0.9), (300, 0.1, 7 * shift)), result(2)])
    metrics = metric.compute_metrics(metric.results)
    again, loaded = load(tmp_path, metric.records)
    assert loaded == metric.records
    assert again.compute_from_records(loaded) == metrics


@pytest.mark.parametrize(("options", "xs"), [
    ({}, [100, 104, 300]),
    ({"nms": "oks"}, [104, 300]),
    ({"nms": "soft_oks"}, [104, 300, 100]),
])
def test_suppression_of_a_file(tmp_path, options, xs):
    people = [record(x=x, score=s) for x, s in ((100, 0.8), (104, 0.9), (300, 0.7))]
    _, kept = load(tmp_path, people, **options)
    assert [r["bbox"][0] for r in kept] == xs


@pytest.mark.parametrize(("changes", "body", "foot"), [
    ({}, 1, 1),
    ({"foot_score": NAN}, 1, 0),  # found, but not as a foot
    ({"body_score": NAN}, 1, 1),
])
def test_a_part_may_have_its_own_score(tmp_path, changes, body, foot):
    annotations = [with_parts(2, 2, 2)]
    metric = CocoMetric(PARTS, write(tmp_path, annotations))
    metric.process(None, [whole(POINTS)])
    metric.compute_metrics(metric.results)
    metrics = metric.compute_from_records([{**metric.records[0], **changes}])
    assert metrics["body AP"] == pytest.approx(body)
    assert metrics["foot AP"] == pytest.approx(foot)


def test_a_file_without_the_hands(tmp_path):
    with pytest.raises(DataError, match=r"record 0 .* has no 'foot_kpts', which results on 'par"):
        load(tmp_path, [record()], [with_parts(2, 2, 2)], PARTS)
