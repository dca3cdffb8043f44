import pytest

from aepose.datasets import Draw, SeededSampler

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
