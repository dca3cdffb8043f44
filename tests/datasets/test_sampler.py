import pytest

from aepose.datasets import Draw, SameSizeBatches, SeededSampler, same_size_batches
from aepose.errors import ConfigError

DATASET = list(range(7))


def draws(epoch=0, **options):
    sampler = SeededSampler(DATASET, **{"seed": 3, **options})
    sampler.set_epoch(epoch)
    return list(sampler)


def test_every_sample_is_drawn_once_with_a_seed_of_its_own():
    drawn = draws()
    assert sorted(d.index for d in drawn) == DATASET
    assert len({d.seed for d in drawn}) == 7
    assert all(isinstance(d, Draw) and 0 <= d.seed < 2**32 for d in drawn)


def test_draws_depend_on_seed_and_epoch_alone():
    assert draws() == draws()
    assert set(draws()) == set(draws(shuffle=False))       # the order does not change the seeds
    assert set(draws()).isdisjoint(draws(epoch=1))
    assert set(draws()).isdisjoint(draws(seed=4))


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_draws(monkeypatch, world_size):
    alone, shares = draws(), []
    for rank in range(world_size):
        place = rank, world_size
        monkeypatch.setattr("mmengine.dataset.sampler.get_dist_info", lambda place=place: place)
        shares.append(draws())
    assert {draw for share in shares for draw in share} == set(alone)
    assert len({len(share) for share in shares}) == 1


@pytest.mark.parametrize(("samples", "world_size"), [(3, 1), (7, 1), (16, 1), (16, 3), (4, 2)])
def test_an_epoch_of_so_many_samples(monkeypatch, samples, world_size):
    shares = []
    for rank in range(world_size):
        for module in ("mmengine.dataset.sampler", "aepose.datasets.sampler"):
            monkeypatch.setattr(f"{module}.get_dist_info", lambda rank=rank: (rank, world_size))
        sampler = SeededSampler(DATASET, seed=3, samples=samples)
        shares.append(list(sampler))
        assert len(sampler) == len(shares[-1])
        sampler.skip(1)
        assert list(sampler) == shares[-1][1:]
    total = world_size * -(-samples // world_size)
    drawn = [draw for share in zip(*shares, strict=True) for draw in share]
    assert len(drawn) == total
    counts = [sum(draw.index == index for draw in drawn) for index in DATASET]
    assert max(counts) - min(counts) <= 1                  # all before any comes again
    assert len(set(drawn)) == total                        # and then with another seed


SMALL, WIDE, TALL = ((64, 64),), ((96, 64), (48, 32)), ((64, 128),)


@pytest.mark.parametrize(("sizes", "batch_size", "expected"), [
    ([], 2, []),
    ([SMALL, WIDE, SMALL], 1, [[0], [1], [2]]),
    ([SMALL, WIDE, SMALL], 2, [[1], [0, 2]]),
    ([SMALL, SMALL, SMALL], 2, [[0, 1], [2]]),
    ([SMALL, WIDE, TALL, SMALL, TALL], 9, [[2, 4], [1], [0, 3]]),
])
def test_batches_hold_pictures_of_one_size(sizes, batch_size, expected):
    assert same_size_batches(sizes, batch_size) == expected


class Pictures(list):
    def test_sizes(self, index):
        return self[index]


class OneProcess(list):
    """A sampler's share of the pictures."""

    def __init__(self, indices, dataset):
        super().__init__(indices)
        self.dataset = dataset


def test_batches_of_one_process():
    pictures = Pictures([SMALL, WIDE, TALL, SMALL, SMALL, TALL])
    batches = SameSizeBatches(OneProcess([1, 3, 5, 0], pictures), 2)
    assert list(batches) == [[5], [1], [3, 0]]
    assert len(batches) == 3


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, "2", None])
def test_batch_sizes_that_are_no_numbers(batch_size):
    with pytest.raises(ConfigError, match=r"batch_size = .*: give a number from 1"):
        SameSizeBatches(OneProcess([], Pictures()), batch_size)
