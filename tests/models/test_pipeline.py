"""Network and decoding side by side."""

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from aepose.apis.inference import PoseInferencer
from aepose.codecs import overlap
from aepose.datasets.transforms import make_eval_item
from aepose.errors import NumericalError
from aepose.models.pipeline import find_people
from aepose.stage_clock import StageClock, stage
from tests.models.test_associative_embedding import build_architecture
from tests.models.test_fuse import randomise

PATIENCE = 20       # seconds; only a failing test waits so long


@dataclass
class Found:
    """Stands for a PoseResult."""

    people: object
    seconds: dict = field(default_factory=dict)
    maps: object = None


def people_of(found):
    return [(batch, [result.people for result in results]) for batch, results in found]


class Network:
    """Stands for a detector: an item's maps and its result are itself."""

    def __init__(self):
        self.seen = deque()
        self.decoded = threading.Event()

    def data_preprocessor(self, batch):
        return batch

    def warn_of_untrained_outputs(self):
        pass

    def aggregate(self, images, item):
        assert not torch.is_grad_enabled()
        self.seen.append(item)
        return torch.zeros(len(images), 1), torch.zeros(len(images), 1)

    def decode(self, heatmaps, tags, item):
        self.decoded.set()
        if item == "broken":
            raise NumericalError(item)
        return Found(f"people of {item}")


def batches(*several):
    return [{"items": list(items), "images": torch.zeros(len(items))} for items in several]


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("several", [[], ["a"], ["ab", "c"], ["ab", "cd", "e", "fgh", "i"]])
def test_results_come_with_their_batch_in_order(several, overlap):
    given = batches(*several)
    found = people_of(find_people(Network(), given, overlap))
    assert [batch for batch, _ in found] == given
    assert [results for _, results in found] == [[f"people of {i}" for i in b] for b in several]


def test_the_network_goes_on_while_maps_are_decoded():
    """A picture is decoded before the next one has come, without anybody asking for it."""
    network = Network()

    def waits_for_the_first():
        yield from batches(["first"])
        assert network.decoded.wait(PATIENCE)
        yield from batches(["second"])

    assert len(list(find_people(network, waits_for_the_first()))) == 2


def test_without_overlap_all_is_done_in_one_thread():
    """One picture after the other, where a StageClock sees every stage."""
    threads = set()

    class Noting(Network):
        def decode(self, heatmaps, tags, item):
            threads.add(threading.current_thread())
            with stage("decode"):
                return Found(item)

    network = Noting()
    with StageClock() as clock:
        found = find_people(network, batches("ab", "c"), overlap=False)
        next(found)
        assert list(network.seen) == ["a"]
        list(found)
    assert threads == {threading.current_thread()}
    assert list(clock.seconds) == ["decode"]


def test_the_network_does_not_run_far_ahead():
    network = Network()
    found = find_people(network, batches(*"abcdefgh"))
    next(found)
    assert len(network.seen) == 3
    found.close()
    assert len(network.seen) == 3


@pytest.mark.parametrize("overlap", [True, False])
def test_an_error_of_decoding_is_raised(overlap):
    found = find_people(Network(), batches(["a"], ["broken"], ["c"], ["d"], ["e"]), overlap)
    assert next(found)[1][0].people == "people of a"
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
            return Found(item == "first" or given_up.wait(PATIENCE))

    monkeypatch.setattr(overlap, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(overlap, "_decoders", lambda: 1)
    found = find_people(Slow(), batches(["first"], ["in work"], ["behind it"]))
    next(found)
    found.close()
    assert "behind it" not in begun


@pytest.mark.parametrize("overlap", [True, False])
def test_people_are_those_of_the_maps_that_are_kept(make_codec, overlap):
    model = randomise(build_architecture("higherhrnet", make_codec))
    items = [make_eval_item(np.full((64, 64, 3), value, np.uint8), model.codec, (1,))
             for value in (50, 200)]
    for keep in (False, True):
        ((_, results),) = find_people(model, [{"items": items}], overlap, keep)
        assert [result.maps is not None for result in results] == [keep] * 2
    for result, item in zip(results, items, strict=True):
        again = model.decode(result.maps.heatmaps, result.maps.tags, item)
        assert len(result) > 0
        np.testing.assert_array_equal(again.keypoints, result.keypoints)
    assert not torch.equal(results[0].maps.heatmaps, results[1].maps.heatmaps)


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
