"""Samplers: the order of samples, each with a random seed of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from aepose.datasets.same_size import same_size_batches
from aepose.errors import ConfigError
from aepose.ranges import Count
from aepose.registry import SAMPLERS


@dataclass(frozen=True)
class Draw:
    """A request for one training sample.

    index: position in the data set; seed: of the random state its augmentation uses
    """

    index: int
    seed: int


def some_draws(total: int, count: int, seed: int) -> list[Draw]:
    """Return at most ``count`` different samples of ``total``, each with a seed of its own."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(total)[:count].tolist()
    return [Draw(index, int(rng.integers(2**31))) for index in chosen]


@SAMPLERS.register_module()
class SeededSampler(DefaultSampler):
    """The engine's shuffling, distributed sampler, whose draws carry their own random seed.

    samples: of an epoch, all processes together; pictures come again and again until it is full.
        None: each once

    A sample's augmentation depends on (seed, epoch, index), and on how often it came before in this
    epoch, alone, so it is the same whatever the number of workers or processes.
    """

    def __init__(self, *args: Any, samples: Count | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._skipped = 0
        self._processes = get_dist_info()[1]
        self._repeats = samples is not None
        if self._repeats:
            self.num_samples = math.ceil(samples / self._processes)
            self.total_size = self.num_samples * self._processes

    def skip(self, count: int) -> None:
        """Leave out the first ``count`` draws of this process, which a stopped run has had."""
        self._skipped = count

    def __iter__(self) -> Iterator[Draw]:
        for count, index in islice(enumerate(super().__iter__()), self._skipped, None):
            entropy = [self.seed, self.epoch, index]
            if self._repeats:
                entropy.append((self.rank + count * self._processes) // len(self.dataset))
            sequence = np.random.SeedSequence(entropy)
            yield Draw(index, int(sequence.generate_state(1)[0]))


@SAMPLERS.register_module()
class SameSizeBatches(Sampler[list[int]]):
    """Batches of test pictures that fit into one array; see :func:`same_size_batches`.

    sampler: gives the pictures of this process; its data set's ``test_sizes`` says what must agree

    Raises ConfigError for a batch size that is no number from 1.
    """

    def __init__(self, sampler: Any, batch_size: int) -> None:
        if type(batch_size) is not int or batch_size < 1:
            raise ConfigError(f"batch_size = {batch_size!r} of a test: give a number from 1")
        indices = list(sampler)
        sizes = [sampler.dataset.test_sizes(index) for index in indices]
        self._batches = [[indices[position] for position in batch]
                         for batch in same_size_batches(sizes, batch_size)]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)
