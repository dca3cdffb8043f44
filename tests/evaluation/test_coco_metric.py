import json
from dataclasses import replace

import numpy as np
import pytest

from aepose.errors import ConfigError, DataError
from aepose.evaluation import METRIC_ORDER, CocoMetric, coco_metric
from aepose.metainfo import Metainfo
from aepose.registry import METRICS, build
from aepose.results import PoseResult

TWO = Metainfo(name="two", keypoint_names=("head", "foot"), flip_pairs=(), sigmas=(0.1, 0.1),
               skeleton=(), keypoint_colors=((0, 0, 0),) * 2, skeleton_colors=())
LARGE, MEDIUM = 100, 50  # sides of the square that two keypoints span
EMPTY_IMAGE = 9


def corners(x, size=LARGE):
    return [[x, 0], [x + size, size]]


def person(image_id, x, size=LARGE, visibility=2, **changes):
    """A ground-truth annotation; a crowd's or an unlabelled person's keypoints are all 0."""
    keypoints = [v for c in corners(x, size) for v in (*c, visibility)] if visibility else [0] * 6
    return {"image_id": image_id, "category_id": 7, "iscrowd": 0, "keypoints": keypoints,
            "num_keypoints": 2, "area": size ** 2, "bbox": [x, 0, size, size], **changes}


def result(image_id, *people):
    """A result of (x, score) or (x, score, size) people; keypoint scores are all 0.8."""
    people = [(*p, LARGE)[:3] for p in people]
    keypoints = np.array([corners(x, size) for x, _, size in people], np.float32).reshape(-1, 2, 2)
    return PoseResult(keypoints=keypoints,
                      keypoint_scores=np.full((len(people), 2), 0.8, np.float32),
                      scores=np.array([p[1] for p in people], np.float32),
                      tags=np.zeros((len(people), 2, 1), np.float32), image_id=image_id)


def write(folder, annotations):
    """Write a file of images 1, 2 and EMPTY_IMAGE; ids count from 0, which matching must bear."""
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 999, "height": 999}
              for i in (1, 2, EMPTY_IMAGE)]
    path = folder / "people.json"
    path.write_text(json.dumps({
        "images": images, "categories": [{"id": 7, "name": "person"}],
        "annotations": [{"id": i, **a} for i, a in enumerate(annotations)]}))
    return path


def evaluate(folder, annotations, results, metainfo=TWO, **options):
    metric = CocoMetric(metainfo, write(folder, annotations), **options)
    metric.process(None, results)
    return metric, metric.compute_metrics(metric.results)


PERSON = [person(1, 100)]
SHIFT = 100 * 0.2 * np.sqrt(-2 * np.log(0.62))  # pixels at which a large pose has an OKS of 0.62
UNSCORED = replace(result(1, (600, 0.9)), keypoint_scores=np.zeros((1, 2), np.float32))
BROKEN = replace(result(1, (100, 0.9)), keypoints=np.full((1, 2, 2), np.nan, np.float32))
CASES = {
    "perfect": (PERSON, [result(1, (100, 0.9))],
                {"AP": 1, "AR": 1, "AP(L)": 1, "AP(M)": -1, "AR(M)": -1}),
    "perfect, both sizes": ([*PERSON, person(2, 300, MEDIUM)],
                            [result(1, (100, 0.9)), result(2, (300, 0.8, MEDIUM))],
                            dict.fromkeys(METRIC_ORDER, 1)),
    "medium person missed": ([*PERSON, person(2, 300, MEDIUM)], [result(1, (100, 0.9))],
                             {"AP": 51 / 101, "AR": 0.5, "AP(L)": 1, "AP(M)": 0}),
    "no detection at all": (PERSON, [result(1), result(2)], dict.fromkeys(METRIC_ORDER, 0)),
    "no picture seen": (PERSON, [], dict.fromkeys(METRIC_ORDER, 0)),
    "shifted to OKS 0.62": (PERSON, [result(1, (100 + SHIFT, 0.9))],
                            {"AP": 0.3, "AP50": 1, "AP75": 0, "AR": 0.3, "AR50": 1, "AR75": 0}),
    "one of two missing": ([*PERSON, person(1, 500)], [result(1, (100, 0.9))],
                           {"AP": 51 / 101, "AR": 0.5, "AR50": 0.5}),
    "better scored false alarm": (PERSON, [result(1, (100, 0.5), (600, 0.9))],
                                  {"AP": 0.5, "AR": 1}),
    "worse scored false alarm": (PERSON, [result(1, (100, 0.9), (600, 0.5))], {"AP": 1, "AR": 1}),
    "false alarm in a picture without people": (
        PERSON, [result(1, (100, 0.5)), result(EMPTY_IMAGE, (100, 0.9))], {"AP": 0.5, "AR": 1}),
    "large false alarm is none among the medium": (
        [person(1, 100, MEDIUM)], [result(1, (100, 0.5, MEDIUM), (600, 0.9))],
        {"AP": 0.5, "AP(M)": 1}),
    "medium false alarm is one among the medium": (
        [person(1, 100, MEDIUM)], [result(1, (100, 0.5, MEDIUM), (600, 0.9, MEDIUM))],
        {"AP": 0.5, "AP(M)": 0.5}),
    "nobody to find": ([person(1, 500, visibility=0)], [result(1, (100, 0.9))],
                       dict.fromkeys(METRIC_ORDER, -1)),
    "detections in a crowd do not count": (
        [*PERSON, person(1, 500, visibility=0, iscrowd=1, num_keypoints=0)],
        [result(1, (100, 0.5), (500, 0.9), (510, 0.8))], {"AP": 1, "AR": 1}),
    "unlabelled person, whatever the file counts": (
        [*PERSON, person(1, 500, visibility=0, num_keypoints=2)], [result(1, (100, 0.9))],
        {"AP": 1, "AR": 1}),
    "labelled person, whatever the file counts": (
        [person(1, 100, num_keypoints=0)], [result(1, (100, 0.9))], {"AP": 1, "AR": 1}),
    "hidden keypoints count": (
        [person(1, 100, visibility=1)], [result(1, (600, 0.9))], {"AP": 0, "AR": 0}),
    "detection without any score": (PERSON, [result(2, (0, 0.1)), UNSCORED, result(1, (100, 0.5))],
                                    {"AP": 1, "AR": 1}),
    "NaN is not a perfect match": (PERSON, [BROKEN], {"AP": 0, "AR": 0}),
    "twentieth detection counts": (
        PERSON, [result(1, *((600, 0.9),) * 19, (100, 0.5))], {"AP": 1 / 20, "AR": 1}),
    "only twenty detections count": (
        PERSON, [result(1, *((600, 0.9),) * 20, (100, 0.5))], {"AP": 0, "AR": 0}),
}


def merge(results):
    """One result per image, as a detector gives it."""
    merged = {}
    for r in results:
        old = merged.get(r.image_id)
        merged[r.image_id] = r if old is None else PoseResult(
            *(np.concatenate([getattr(old, n), getattr(r, n)])
              for n in ("keypoints", "keypoint_scores", "scores", "tags")), image_id=r.image_id)
    return list(merged.values())


@pytest.mark.parametrize("case", CASES)
def test_known_ap(tmp_path, case):
    annotations, results, expected = CASES[case]
    _, metrics = evaluate(tmp_path, annotations, merge(results))
    assert tuple(metrics) == METRIC_ORDER
    assert all(type(value) is float for value in metrics.values())
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, abs=1e-12)


PARTS = replace(
    TWO, name="parts", keypoint_names=("head", "foot", "toe", "left", "right"), sigmas=(0.1,) * 5,
    keypoint_colors=((0, 0, 0),) * 5,
    part_fields=(("keypoints", 2), ("foot_kpts", 1), ("lefthand_kpts", 1), ("righthand_kpts", 1)))
OFF = 500  # pixels by which a keypoint can be wrong without any doubt


def whole(points, score=0.9, zeros=()):
    """A result in image 1 of one person with 5 keypoints; those in ``zeros`` were not found."""
    scores = np.full((1, 5), 0.5, np.float32)
    scores[:, list(zeros)] = 0
    return PoseResult(np.array([points], np.float32), scores, np.array([score], np.float32),
                      np.zeros((1, 5, 1), np.float32), image_id=1)


def with_parts(*visibility):
    """A person whose toe and hands, below and beside the large body, have these visibilities."""
    extra = [[150, 110], [90, 50], [210, 50]]
    fields = zip(("foot_kpts", "lefthand_kpts", "righthand_kpts"), extra, visibility, strict=True)
    return person(1, 100, **{name: [*(point if v else (0, 0)), v] for name, point, v in fields})


POINTS = [*corners(100), [150, 110], [90, 50], [210, 50]]
TOE_OFF = [*POINTS[:2], [150 + OFF, 110], *POINTS[3:]]


@pytest.mark.parametrize(("visibility", "found", "expected"), [
    ((2, 2, 2), whole(POINTS), {"body": 1, "foot": 1, "lefthand": 1, "righthand": 1, "hand": 1,
                                "wholebody": 1}),
    ((2, 2, 2), whole(TOE_OFF), {"body": 1, "foot": 0, "hand": 1, "wholebody": 0.7}),
    ((0, 2, 2), whole(TOE_OFF), {"body": 1, "foot": -1, "wholebody": 1}),
    ((2, 0.06, 0), whole(POINTS), {"lefthand": 1, "righthand": -1, "hand": 1, "wholebody": 1}),
    ((2, 0, 0), whole(POINTS), {"lefthand": -1, "righthand": -1, "hand": -1, "wholebody": 1}),
    ((2, 2, 2), whole(POINTS, zeros=[4]), {"body": 1, "lefthand": 1, "righthand": 0, "hand": 0.5}),
], ids=["perfect", "toe off", "toe off but not labelled", "a hand with a doubtful keypoint",
        "no hands", "a hand not found"])
def test_parts(tmp_path, visibility, found, expected):
    metric, metrics = evaluate(tmp_path, [with_parts(*visibility)], [found], metainfo=PARTS)
    names = ["body", "foot", "lefthand", "righthand", "hand", "wholebody"]
    assert list(metrics) == [*METRIC_ORDER, *(f"{n} {s}" for n in names for s in ("AP", "AR"))]
    for part, value in expected.items():
        assert metrics[f"{part} AP"] == pytest.approx(value), part
        assert metrics[f"{part} AR"] == pytest.approx(value), part
    assert metrics["AP"] == metrics["wholebody AP"] == metric.parts["wholebody"].stats["AP"]


def test_records_of_parts(tmp_path):
    metric, _ = evaluate(tmp_path, [with_parts(2, 2, 2)], [whole(POINTS)], metainfo=PARTS)
    assert metric.records == [{
        "image_id": 1, "category_id": 7, "score": pytest.approx(0.9), "bbox": [90, 0, 120, 110],
        "keypoints": [100, 0, 0.5, 200, 100, 0.5], "foot_kpts": [150, 110, 0.5],
        "lefthand_kpts": [90, 50, 0.5], "righthand_kpts": [210, 50, 0.5]}]


def test_parts_when_nobody_is_found(tmp_path):
    _, metrics = evaluate(tmp_path, [with_parts(2, 2, 2)], [], metainfo=PARTS)
    assert len(metrics) == len(METRIC_ORDER) + 12
    assert set(metrics.values()) == {0}


WITH_COPY = (51 + 50 * 2 / 3) / 101  # the copy stands between the two people that are found


@pytest.mark.parametrize(("options", "xs", "ap"), [
    ({}, [100, 104, 300], WITH_COPY),
    ({"nms": "oks"}, [104, 300], 1),
    ({"nms": "oks", "oks_threshold": 0.99}, [104, 100, 300], WITH_COPY),
    ({"nms": "soft_oks"}, [104, 300, 100], WITH_COPY),
])
def test_suppression(tmp_path, options, xs, ap):
    """A pose, its better scored copy (their OKS is 0.98), and a bystander."""
    annotations = [*PERSON, person(1, 300)]
    poses = result(1, (100, 0.8), (104, 0.9), (300, 0.7))
    metric, metrics = evaluate(tmp_path, annotations, [poses], **options)
    assert [record["bbox"][0] for record in metric.records] == xs
    assert metrics["AP"] == pytest.approx(ap)


def test_records_are_plain_coco_results(tmp_path):
    metric, metrics = evaluate(tmp_path, PERSON, [result(1, (100, 0.5), (600, 0.25)), result(2)])
    assert json.loads(json.dumps(metric.records)) == metric.records
    assert len(metric.records) == 2
    score = float(np.float32(0.8))
    assert metric.records[1] == {
        "image_id": 1, "category_id": 7, "score": 0.25, "bbox": [600, 0, 100, 100],
        "keypoints": [600, 0, score, 700, 100, score]}
    assert metric.parts["keypoints"].stats["AP"] == metrics["AP"]
    assert metric.parts["keypoints"].ap_per_oks == pytest.approx((1.0,) * 10)


@pytest.fixture
def log(monkeypatch):
    """The lines that the metric logs."""
    lines = []
    monkeypatch.setattr(coco_metric, "print_log", lambda text, **options: lines.append(text))
    return lines


def test_without_annotations_there_are_results_but_no_metrics(tmp_path, log):
    metric, metrics = evaluate(tmp_path, [], [result(1, (100, 0.9), (300, 0.8))])
    assert metrics == metric.parts == {}
    assert len(metric.records) == 2
    assert log == [f"{metric.ann_file} has no annotations: 2 people found, metrics skipped"]


@pytest.mark.parametrize(("results", "message"), [
    ([], "nobody was found in any picture: all metrics are 0"),
    ([result(1)], "nobody was found in any picture: all metrics are 0"),
    ([result(1, (100, 0.9), (300, np.nan))], "1 of 2 people have a score that is not a finite"),
])
def test_low_metrics_are_explained(tmp_path, log, results, message):
    evaluate(tmp_path, PERSON, results)
    assert len(log) == 1
    assert log[0].startswith(message)


@pytest.mark.parametrize(("people", "found", "options", "ap", "words"), [
    (3, 3, {"max_detections": 2}, 67 / 101,
     "2 people per picture count (max_detections): of 3 found 1 in 1 pictures do not; with them AP "
     "would be 1.000 for 0.663, AR 1.000 for 0.667; 1 of 3 annotated people in 1 pictures are "
     "beyond it, so AR is at most 0.667"),
    (3, 2, {"max_detections": 2}, 67 / 101, "2 people per picture count (max_detections); 1 of 3"),
    (1, 2, {"max_detections": 1}, 1, "1 people per picture count (max_detections): of 2 found 1"),
    (22, 22, {}, 0.9, "20 people per picture count"),
    (22, 22, {"max_detections": 22}, 1, None),
    (3, 3, {"max_detections": 2, "nms": "soft_oks"}, 67 / 101, "2 people"),
])
def test_the_limit_of_people(tmp_path, log, people, found, options, ap, words):
    annotations = [person(1, 40 * x) for x in range(people)]
    poses = result(1, *((40 * x, 0.9) for x in range(found)))
    _, metrics = evaluate(tmp_path, annotations, [poses], **options)
    assert metrics["AP"] == pytest.approx(ap, abs=0.02)
    assert [line[:len(words)] for line in log] == [words] if words else log == []


def test_good_metrics_need_no_words(tmp_path, log):
    evaluate(tmp_path, PERSON, [result(1, (100, 0.9))])
    assert log == []


@pytest.mark.parametrize(("seen", "size"), [([1], 2), ([1, 2, 2], 3), ([], 1)])
def test_a_picture_that_no_process_saw(tmp_path, seen, size):
    metric = CocoMetric(TWO, write(tmp_path, PERSON))
    metric.process(None, [result(image) for image in seen])
    with pytest.raises(DataError, match=f"{len(set(seen))} of {size} pictures were evaluated"):
        metric.evaluate(size)


def test_a_picture_counts_once(tmp_path):
    metric, metrics = evaluate(tmp_path, PERSON, [result(1, (100, 0.9))] * 2)
    assert len(metric.records) == 1
    assert metrics["AP"] == pytest.approx(1)


def test_runs_in_the_engine_again_and_again_in_silence(tmp_path, capsys):
    path = write(tmp_path, PERSON)
    metric = build(METRICS, {"type": "CocoMetric", "ann_file": path}, metainfo=TWO)
    for x, ap in ((100, 1), (600, 0), (100, 1)):
        metric.process(None, [result(1, (x, 0.9))])
        metric.process(None, [result(2)])
        metrics = metric.evaluate(size=2)
        assert metrics["coco/AP"] == pytest.approx(ap)
    assert capsys.readouterr().out == ""


def test_metainfo_by_name(tmp_path):
    with pytest.raises(DataError, match="17 keypoints"):
        CocoMetric("coco", write(tmp_path, PERSON))


@pytest.mark.parametrize(("options", "message"), [
    ({"nms": "soft-oks"}, "did you mean 'soft_oks'"),
    ({"oks_threshold": 0}, r"oks_threshold = 0: .*\(0, 1\]"),
    ({"oks_threshold": 1.5}, r"oks_threshold = 1.5"),
    ({"max_detections": 0}, "max_detections = 0: give a whole number from 1"),
    ({"backend": "pycoco"}, "backend = 'pycoco' .*did you mean 'pycocotools'"),
])
def test_bad_options(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        CocoMetric(TWO, write(tmp_path, PERSON), **options)


def test_result_of_an_unknown_picture(tmp_path):
    metric = CocoMetric(TWO, write(tmp_path, PERSON))
    with pytest.raises(DataError, match=r"people.json: no image has the id 77"):
        metric.process(None, [result(77)])


def test_poses_of_another_metainfo(tmp_path):
    three = PoseResult(np.zeros((0, 3, 2)), np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3, 1)), 1)
    metric = CocoMetric(TWO, write(tmp_path, PERSON))
    with pytest.raises(ConfigError, match="3 keypoints but metainfo 'two' has 2"):
        metric.process(None, [three])


def test_extras_are_written_where_wanted(tmp_path):
    found = replace(result(1, (100, 0.9)), found=np.array([[True, False]]),
                    tags=np.array([[[0.5, 2], [1, 3]]], np.float32))
    plain, extras = (evaluate(tmp_path, PERSON, [found], extras=wanted)
                     for wanted in (False, True))
    (record,) = extras[0].records
    assert (record.pop("found"), record.pop("tags")) == ([1, 0], [[0.5, 2.0], [1.0, 3.0]])
    assert [record] == plain[0].records
    assert extras[1] == plain[1]
