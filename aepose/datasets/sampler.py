"""Which sample is drawn when, and with which random state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from mmengine.dataset import DefaultSampler

from aepose.registry import SAMPLERS


@dataclass(frozen=True)
class Draw:
    """A request for one training sample.

    index: position in the data set; seed: of the random state its augmentation uses
    """

    index: int
    seed: int


@SAMPLERS.register_module()
class SeededSampler(DefaultSampler):
    """The engine's shuffling, distributed sampler, whose draws carry their own random seed.

    A sample's augmentation depends on (seed, epoch, index) alone, so it is the same whatever the
    number of workers or processes.
    """

    def __iter__(self) -> Iterator[Draw]:
        for index in super().__iter__():
            sequence = np.random.SeedSequence([self.seed, self.epoch, index])
            yield Draw(index, int(sequence.generate_state(1)[0]))
