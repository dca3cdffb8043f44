"""Which sample is drawn when, and with which random state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._skipped = 0

    def skip(self, count: int) -> None:
        """Leave out the first ``count`` draws of this process, which a stopped run has had."""
        self._skipped = count

    def __iter__(self) -> Iterator[Draw]:
        for index in islice(super().__iter__(), self._skipped, None):
            sequence = np.random.SeedSequence([self.seed, self.epoch, index])
            yield Draw(index, int(sequence.generate_state(1)[0]))
