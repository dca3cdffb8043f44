"""What the tests of training share."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import torch

NO_VALIDATION = ("val_dataloader=None", "val_evaluator=None")
# Eight pictures: three batches of 3, 3 and 2.
BATCHES_OF_3 = (*NO_VALIDATION, "train_dataloader.batch_size=3")


@contextmanager
def one_thread() -> Iterator[None]:
    """Sum as a process with OMP_NUM_THREADS=1 does, to the bit."""
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(number)


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def differing(left, right):
    """Return the names under which two state dicts differ by any bit."""
    assert left.keys() == right.keys()
    return [key for key in left if not torch.equal(left[key], right[key])]


def logged(work_dir):
    """Return all that a run logged in words."""
    return "".join(path.read_text() for path in work_dir.rglob("*.log"))


def scalars(work_dir, name):
    """Return a scalar by training step, of all runs in a work dir."""
    lines = [json.loads(line) for path in work_dir.rglob("scalars.json")
             for line in path.read_text().splitlines()]
    return {line["step"]: line[name] for line in lines if "loss" in line and name in line}
