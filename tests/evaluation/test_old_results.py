"""Rows of an old test that are no records."""

import pytest

from aepose.errors import DataError
from tests.evaluation.test_coco_metric import PARTS, with_parts
from tests.evaluation.test_result_files import load

POINT = [1.0, 2.0, 0.5, 3.5]


def row(**changes):
    return {"preds": [[POINT, POINT]], "scores": [0.5], "image_paths": ["data/1.jpg"],
            "output_heatmap": None, **changes}


def test_rows_become_records(tmp_path):
    _, records = load(tmp_path, [row(), row(image_paths=["/a/b/2.jpg"], preds=[], scores=[])])
    assert records == [{"image_id": 1, "category_id": 7, "score": 0.5, "bbox": [1.0, 2.0, 0.0, 0.0],
                        "keypoints": [1.0, 2.0, 0.5] * 2}]


def test_keypoints_of_several_fields(tmp_path):
    count = PARTS.num_keypoints
    rows = [row(preds=[[[float(k), 0.0, 0.9, 1.0] for k in range(count)]])]
    _, (record,) = load(tmp_path, rows, [with_parts(2, 2, 2)], metainfo=PARTS)
    joined = [v for name, _ in PARTS.annotation_fields for v in record[name][::3]]
    assert joined == [*range(count)]


@pytest.mark.parametrize(("changes", "said"), [
    ({"image_paths": ["data/7.jpg"]}, r"row 0: picture 'data/7.jpg' stands 0 times"),
    ({"image_paths": "1.jpg"}, r"image_paths is '1.jpg'; it must be the path of one picture"),
    ({"image_paths": ["1.jpg", "2.jpg"]}, "the path of one picture"),
    ({"scores": []}, "preds and scores must be lists of one length"),
    ({"preds": [[POINT]]}, "not 2 keypoints of x, y, score and tags; is this the right"),
    ({"preds": [[POINT, [1.0]]]}, "not 2 keypoints"), ({"preds": [3]}, "not 2 keypoints"),
    ({"preds": [[POINT, [1.0, float("nan"), 2.0]]]}, "not 2 keypoints"),
    ({"scores": ["high"]}, "an entry of scores is 'high'"),
])
def test_rows_that_are_refused(tmp_path, changes, said):
    with pytest.raises(DataError, match=f"found.json: row 0: .*{said}" if "row 0" not in said
                       else said):
        load(tmp_path, [row(**changes)])
