"""Network and decoding side by side."""

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from aepose.apis import PoseInferencer
from aepose.errors import NumericalError
from aepose.models import pipeline
from aepose.models.pipeline import find_people

PATIENCE = 20       # seconds; only a failing test waits so long


class Network:
    """Stands for a detector: an item's maps and its result are itself."""

    def __init__(self):
        self.seen = deque()
        self.decoded = threading.Event()

    def data_preprocessor(self, batch):
        return batch

    def joined_maps(self, items):
        assert not torch.is_grad_enabled()
        self.seen.append(items)
        return [(torch.zeros(1), torch.zeros(1), item) for item in items]

    def decode(self, heatmaps, tags, item):
        self.decoded.set()
        if item == "broken":
            raise NumericalError(item)
        return f"people of {item}"


def batches(*several):
    return [{"items": list(items)} for items in several]


@pytest.mark.parametrize("several", [[], ["a"], ["ab", "c"], ["ab", "cd", "e", "fgh", "i"]])
def test_results_come_with_their_batch_in_order(several):
    given = batches(*several)
    found = list(find_people(Network(), given))
    assert [batch for batch, _ in found] == given
    assert [results for _, results in found] == [[f"people of {i}" for i in b] for b in several]


def test_the_network_goes_on_while_maps_are_decoded():
    """A picture is decoded before the next one has come, without anybody asking for it."""
    network = Network()

    def waits_for_the_first():
        yield {"items": ["first"]}
        assert network.decoded.wait(PATIENCE)
        yield {"items": ["second"]}

    assert len(list(find_people(network, waits_for_the_first()))) == 2


def test_the_network_does_not_run_far_ahead():
    network = Network()
    found = find_people(network, batches(*"abcdefgh"))
    next(found)
    assert len(network.seen) == 3
    found.close()
    assert len(network.seen) == 3


def test_an_error_of_decoding_is_raised():
    found = find_people(Network(), batches(["a"], ["broken"], ["c"], ["d"], ["e"]))
    assert next(found)[1] == ["people of a"]
    with pytest.raises(NumericalError, match="broken"):
        next(found)


def test_maps_that_nobody_will_ask_for_are_not_decoded(monkeypatch):
    begun, given_up = [], threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, **options):
            super().shutdown(wait=False, **options)
            given_up.set()
            super().shutdown(wait=wait)

    class Slow(Network):
        def decode(self, heatmaps, tags, item):
            begun.append(item)
            return item == "first" or given_up.wait(PATIENCE)

    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(pipeline, "_decoders", lambda: 1)
    found = find_people(Slow(), batches(["first"], ["in work"], ["behind it"]))
    next(found)
    found.close()
    assert "behind it" not in begun


def inferencer(device, dtype=None):
    return PoseInferencer(device=device, cfg_options=[f"test_time.dtype={dtype!r}"])


@pytest.fixture(scope="module")
def alone(toy_root):
    """Pictures of drawn people, and who is found in each alone on the CPU."""
    pictures = sorted((toy_root / "val2017").iterdir())
    return pictures, [inferencer("cpu").predict(picture) for picture in pictures]


def nearest(found, expected):
    """Pixels (P, K) from each expected keypoint to that of the person found nearest to all."""
    off = np.linalg.norm(found.keypoints[:, None] - expected.keypoints, axis=3)
    return off[off.mean(axis=2).argmin(axis=0), np.arange(len(expected))]


# Type, pixels, and the share of keypoints that lie so near: where two cells are equal but for
# rounding, the other one may win.
@pytest.mark.parametrize(("dtype", "pixels", "share"), [
    (None, 0.01, 0.99), ("bfloat16", 5, 0.9), ("float16", 3, 0.95)])
def test_people_on_a_device_are_those_of_the_cpu(device, alone, dtype, pixels, share):
    """Several pictures at once, network and decoding side by side, several times over."""
    pictures, expected = alone
    times = 1 if device.type == "cpu" else 20
    found = list(inferencer(device, dtype)(pictures * times, batch_size=2))
    off = [nearest(*pair).ravel() for pair in zip(found, expected * times, strict=True)]
    assert len(expected) * times == len(off) > 0
    assert (np.concatenate(off) <= pixels).mean() >= share
    if dtype is None:
        assert [len(people) for people in found] == [len(people) for people in expected] * times
