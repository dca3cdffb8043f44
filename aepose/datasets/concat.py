"""Several data sets as one, for training."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets.sampler import Draw
from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.registry import DATASETS, build
from aepose.structures import PoseSample, TrainItem

PUBLISHED = ({"type": "RandomAffine"}, {"type": "RandomFlip"})


@DATASETS.register_module()
class ConcatDataset(Dataset):
    """The pictures of several training sets, drawn as if they were one.

    datasets: configs of data sets, with the keypoints of this config's metainfo; each may have its
        own ``data_root``, ``category``, …
    times: how often an epoch goes through each of them. Of 2.5 the half are pictures drawn anew
        in every epoch. One number holds for all
    transforms: those of the data sets that have none of their own; if not given, the published ones

    A draw of the sampler says by itself which picture it is and how that is augmented, so an epoch
    is the same for any number of workers and after any stop. Raises ConfigError for data sets that
    cannot be mixed.
    """

    test_mode = False

    def __init__(
        self,
        datasets: Sequence[dict[str, Any]],
        metainfo: Metainfo,
        codec: AssociativeEmbeddingCodec,
        data_root: str = "",
        times: float | Sequence[float] = 1,
        transforms: Sequence[dict] = PUBLISHED,
    ) -> None:
        if not isinstance(datasets, (list, tuple)) or not datasets:
            raise ConfigError("dataset.datasets: give a list of the data sets to train on")
        if not isinstance(times, (list, tuple)):
            times = [times] * len(datasets)
        if len(times) != len(datasets) or not all(
                type(number) in (int, float) and 0 < number < np.inf for number in times):
            raise ConfigError(f"dataset.times = {times!r}: give a positive number for each of "
                              f"{len(datasets)} data sets, or one for all")
        self.datasets = [_build(cfg, f"dataset.datasets.{number}", transforms, metainfo=metainfo,
                                codec=codec, data_root=data_root)
                         for number, cfg in enumerate(datasets)]
        self.metainfo = self.datasets[0].metainfo
        self.codec = codec
        self._lengths = [max(1, round(number * len(part)))
                         for number, part in zip(times, self.datasets, strict=True)]
        self._ends = list(accumulate(self._lengths))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, draw: Draw | int) -> TrainItem:
        if not isinstance(draw, Draw):
            draw = Draw(draw, int(np.random.randint(2**31)))
        part, draw = self._locate(draw)
        return part[draw]

    @property
    def on_bad_image(self) -> str:
        """'skip' if one of the data sets takes other pictures for those it cannot read."""
        kinds = {getattr(part, "on_bad_image", "error") for part in self.datasets}
        return "skip" if "skip" in kinds else "error"

    def augmented_sample(self, draw: Draw) -> PoseSample:
        """Return a picture with its people after the training transforms."""
        part, draw = self._locate(draw)
        return part.augmented_sample(draw)

    def load_sample(self, index: int) -> PoseSample:
        """Return a picture with its people, before any transform."""
        part, draw = self._locate(Draw(index, 0))
        return part.load_sample(draw.index)

    def _locate(self, draw: Draw) -> tuple[Any, Draw]:
        """Return the data set of a draw, and the draw within it."""
        number = bisect_right(self._ends, draw.index)
        part = self.datasets[number]
        index = draw.index - self._ends[number] + self._lengths[number]
        if index >= self._lengths[number] // len(part) * len(part):  # what is no whole pass
            rng = np.random.RandomState(draw.seed)
            return part, Draw(int(rng.randint(len(part))), int(rng.randint(2**31)))
        return part, Draw(index % len(part), draw.seed)


@DATASETS.register_module()
class RepeatDataset(ConcatDataset):
    """One training set, of which an epoch goes through the pictures ``times`` times."""

    def __init__(
        self,
        dataset: dict[str, Any],
        metainfo: Metainfo,
        codec: AssociativeEmbeddingCodec,
        data_root: str = "",
        times: float = 1,
        transforms: Sequence[dict] = PUBLISHED,
    ) -> None:
        super().__init__([dataset], metainfo, codec, data_root, times, transforms)


def _build(cfg: Mapping[str, Any], key: str, transforms: Sequence[dict], **context: Any) -> Any:
    """Build one of the data sets; the key is where the config describes it."""
    part = build(DATASETS, cfg, key, transforms=transforms, **context)
    if getattr(part, "test_mode", False):
        raise ConfigError(f"{key}.test_mode: data sets are mixed for training only; test on each "
                          "by itself")
    if not (isinstance(part, ConcatDataset) or getattr(part, "transforms", True)):
        raise ConfigError(f"{key} has no transforms, which make all pictures of one size")
    return part
