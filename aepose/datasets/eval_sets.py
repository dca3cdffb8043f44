"""Several test sets in one validation or test, each with numbers of its own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from torch.utils.data import Dataset

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.registry import DATASETS, build
from aepose.structures import EvalItem, PoseSample


@DATASETS.register_module()
class EvalSets(Dataset):
    """The pictures of several test sets, one set after the other.

    datasets: configs of data sets, with the keypoints of this config's metainfo; each may have its
        own ``data_root``, ``category``, …
    names: of each; every metric of the config is computed for each set by itself, and its numbers
        bear this name in front: ``mine/coco/AP``

    Raises ConfigError for names that are missing or equal.
    """

    def __init__(
        self,
        datasets: Sequence[dict[str, Any]],
        names: Sequence[str],
        metainfo: Metainfo,
        codec: AssociativeEmbeddingCodec,
        data_root: str = "",
        scales: Sequence[float] = (1,),
    ) -> None:
        _check(names, datasets, "dataset")
        self.names = tuple(names)
        self.datasets = [
            build(DATASETS, {**cfg, "test_mode": True}, f"dataset.datasets.{number}",
                  metainfo=metainfo, codec=codec, data_root=data_root, scales=scales)
            for number, cfg in enumerate(datasets)]
        self.metainfo = self.datasets[0].metainfo
        self._ends = list(accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> EvalItem:
        number, inner = self._locate(index)
        return replace(self.datasets[number][inner], dataset=self.names[number])

    def count(self, name: str) -> int:
        """Return how many pictures the set of that name has."""
        return len(self.datasets[self.names.index(name)])

    def test_sizes(self, index: int) -> tuple[tuple[int, int], ...]:
        """Return the (W, H) of test picture ``index`` at each test scale, largest first."""
        number, inner = self._locate(index)
        return self.datasets[number].test_sizes(inner)

    def load_sample(self, index: int) -> PoseSample:
        """Return a picture with its people, as annotated."""
        number, inner = self._locate(index)
        return self.datasets[number].load_sample(inner)

    def _locate(self, index: int) -> tuple[int, int]:
        """Return the number of a picture's set, and where in it the picture stands."""
        number = bisect_right(self._ends, index)
        return number, index - (self._ends[number - 1] if number else 0)


def sets_of(
    described: Mapping[str, Any], key: str
) -> list[tuple[str | None, str, Mapping[str, Any]]]:
    """Return name, place in the config and description of each data set that is tested on.

    A data set that is not of several has no name. Raises ConfigError as EvalSets does.
    """
    if described.get("type") != EvalSets.__name__:
        return [(None, key, described)]
    names, datasets = described.get("names"), described.get("datasets")
    _check(names, datasets, key)
    return [(name, f"{key}.datasets.{number}", part)
            for number, (name, part) in enumerate(zip(names, datasets, strict=True))]


def _check(names: Any, datasets: Any, key: str) -> None:
    """Raise ConfigError unless there is a name for each of a list of data sets."""
    if not isinstance(datasets, (list, tuple)) or not datasets:
        raise ConfigError(f"{key}.datasets: give a list of the data sets to test on")
    if not isinstance(names, (list, tuple)) or len(names) != len(datasets) or not all(
            isinstance(name, str) and name and "/" not in name for name in names) or (
            len(set(names)) < len(names)):
        raise ConfigError(f"{key}.names = {names!r}: give a name, without a '/', for each of the "
                          f"{len(datasets)} data sets, such as names=['coco', 'mine']")
