"""Two processes share the pictures; the metrics are those of one."""

import json

import pytest
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

from aepose.evaluation import CocoMetric
from tests.evaluation.test_coco_metric import TWO, merge, person, result, write

ANNOTATIONS = [person(1, 100), person(1, 500), person(2, 300), person(9, 200)]
PICTURES = {1: [(100, 0.9), (500, 0.4), (700, 0.6)], 2: [(303, 0.8)], 9: [(215, 0.7)]}
# Which process saw which pictures, in order.
SHARES = {
    "the last repeated": ([1, 9], [2, 1]),
    "the first repeated": ([1, 2], [1, 9]),
    "uneven": ([1, 2, 9], []),
    "everything twice": ([1, 2, 9], [9, 2, 1]),
    "another order": ([9], [2, 1]),
}


def work(rank, folder, ann_file):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank,
                            world_size=2)
    found = {}
    for name, shares in SHARES.items():
        metric = CocoMetric(TWO, ann_file, collect_device="gpu")
        metric.process(None, [result(image, *PICTURES[image]) for image in shares[rank]])
        metrics = metric.evaluate(len(PICTURES))
        found[name] = [metrics, len(metric.records)]
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each of the two processes has, by the name of the share."""
    folder = tmp_path_factory.mktemp("two")
    multiprocessing.spawn(work, (folder, write(folder, ANNOTATIONS)), nprocs=2)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    metric = CocoMetric(TWO, write(tmp_path_factory.mktemp("one"), ANNOTATIONS))
    metric.process(None, merge([result(image, *people) for image, people in PICTURES.items()]))
    return metric.evaluate(len(PICTURES)), len(metric.records)


@pytest.mark.parametrize("share", SHARES)
def test_metrics_of_two_are_those_of_one(found, alone, share):
    metrics, records = alone
    assert 0.1 < metrics["coco/AP"] < 0.95
    # The first process computes; all have the metrics.
    assert found[0][share] == [metrics, records]
    assert found[1][share][0] == metrics
