"""The structure that describes a keypoint set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aepose.errors import ConfigError, nearest
from aepose.tables import counted

# What somebody is called whose keypoints are a set by themselves.
PERSON = "person"


@dataclass(frozen=True)
class PoseClass:
    """One kind of creature that a network finds, such as people or dogs.

    name: of the class; in annotation files, of its category
    metainfo: its own keypoints, skeleton, sigmas
    start: where its keypoints begin among the K of the network
    """

    name: str
    metainfo: Metainfo
    start: int = 0

    @property
    def keypoints(self) -> slice:
        """Which of the K keypoints are its own."""
        return slice(self.start, self.start + self.metainfo.num_keypoints)


@dataclass(frozen=True)
class Metainfo:
    """Facts about the keypoints of a data set; nothing else in the project repeats them.

    keypoint_names: K names
    flip_pairs: names of keypoints that change places in a mirrored picture
    sigmas: K per-keypoint constants of the object keypoint similarity (OKS)
    skeleton: pairs of names that are joined by a drawn limb
    keypoint_colors, skeleton_colors: RGB, 0-255
    grouping_order: names in the order in which grouping visits them; the rest is visited after
        them, by index. Empty means index order.
    part_fields: where annotations spread the keypoints over several fields, these fields' names
        and numbers of keypoints, 'keypoints' first; empty means all K in 'keypoints'
    aliases: pairs of another spelling, as annotation files list it, and the name that it means;
        upper case, blanks, hyphens and underscores make no difference anyway
    """

    name: str
    keypoint_names: tuple[str, ...]
    flip_pairs: tuple[tuple[str, str], ...]
    sigmas: tuple[float, ...]
    skeleton: tuple[tuple[str, str], ...]
    keypoint_colors: tuple[tuple[int, int, int], ...]
    skeleton_colors: tuple[tuple[int, int, int], ...]
    grouping_order: tuple[str, ...] = ()
    part_fields: tuple[tuple[str, int], ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        known = set(self.keypoint_names)
        if len(known) != len(self.keypoint_names):
            twice = next(n for n in self.keypoint_names if self.keypoint_names.count(n) > 1)
            raise ConfigError(f"metainfo '{self.name}': keypoint '{twice}' stands there twice")
        used = {n for pair in (*self.flip_pairs, *self.skeleton) for n in pair}
        meant = {name for _, name in self.aliases}
        for name in sorted((used | meant | set(self.grouping_order)) - known):
            raise ConfigError(f"metainfo '{self.name}': unknown keypoint '{name}'"
                              + nearest(name, known))
        for field_name, expected in (("sigmas", len(self.keypoint_names)),
                                     ("keypoint_colors", len(self.keypoint_names)),
                                     ("skeleton_colors", len(self.skeleton))):
            if len(getattr(self, field_name)) != expected:
                raise ConfigError(f"metainfo '{self.name}': {field_name} has "
                                  f"{len(getattr(self, field_name))} entries, expected {expected}")
        self._check_flip_pairs()
        self._check_part_fields()

    def _check_flip_pairs(self) -> None:
        paired = [name for pair in self.flip_pairs for name in pair]
        for name in paired:
            if paired.count(name) > 1:
                raise ConfigError(f"metainfo '{self.name}': keypoint '{name}' is in two flip pairs "
                                  "or twice in one; each changes places with one other")

    def _check_part_fields(self) -> None:
        if not self.part_fields:
            return
        names = [name for name, _ in self.part_fields]
        if names[0] != "keypoints" or len(set(names)) != len(names):
            raise ConfigError(f"metainfo '{self.name}': part_fields are {', '.join(names)}; give "
                              "'keypoints' first and each field once")
        total = sum(count for _, count in self.part_fields)
        if total != self.num_keypoints:
            raise ConfigError(f"metainfo '{self.name}': part_fields have {total} keypoints in all, "
                              f"expected {self.num_keypoints}")

    @property
    def num_keypoints(self) -> int:
        """K."""
        return len(self.keypoint_names)

    @property
    def classes(self) -> tuple[PoseClass, ...]:
        """The classes whose keypoints stand side by side; here one, which has them all."""
        return (PoseClass(PERSON, self),)

    def class_ids(self, present: np.ndarray) -> np.ndarray:
        """(P,) int64: the classes of people by the keypoints that they have, (P, K) bool.

        The first class for somebody who has none.
        """
        has = [present[:, one.keypoints].any(axis=1) for one in self.classes]
        return np.argmax(has, axis=0)

    def own_keypoints(self, class_ids: np.ndarray) -> np.ndarray:
        """(P, K) bool: which keypoints are those of each person's class, by (P,) int64."""
        own = np.zeros((len(self.classes), self.num_keypoints), bool)
        for index, one in enumerate(self.classes):
            own[index, one.keypoints] = True
        return own[class_ids]

    def spread(self, values: Sequence[Any], class_ids: Sequence[int], dtype: type,
               shape: tuple[int, ...] = ()) -> np.ndarray:
        """Return what people have of their own class's keypoints as (P, K, *shape), 0 elsewhere.

        values: P arrays or lists that hold the numbers of the class's keypoints, each of ``shape``
        """
        whole = np.zeros((len(values), self.num_keypoints, *shape), dtype)
        classes = self.classes
        for number, (own, index) in enumerate(zip(values, class_ids, strict=True)):
            keypoints = classes[index].keypoints
            whole[number, keypoints] = np.reshape(own, whole[number, keypoints].shape)
        return whole

    def count(self, class_ids: Iterable[int] | Mapping[int, int]) -> str:
        """Return how many people of each class there are: "2 people, 1 dog".

        class_ids: of each, or how many have each
        """
        numbers = Counter(class_ids)
        return ", ".join(counted(numbers[index], one.name)
                         for index, one in enumerate(self.classes))

    @property
    def annotation_fields(self) -> tuple[tuple[str, int], ...]:
        """Fields of an annotation that together hold the K keypoints in order, and how many."""
        return self.part_fields or (("keypoints", self.num_keypoints),)

    @property
    def flip_index(self) -> np.ndarray:
        """(K,) int64: keypoint k of the mirrored picture is keypoint ``flip_index[k]``."""
        index = np.arange(self.num_keypoints)
        for left, right in self.flip_pairs:
            i, j = self.keypoint_names.index(left), self.keypoint_names.index(right)
            index[i], index[j] = j, i
        return index

    @property
    def skeleton_index(self) -> np.ndarray:
        """(limbs, 2) int64 keypoint indices of the skeleton."""
        index = [[self.keypoint_names.index(n) for n in limb] for limb in self.skeleton]
        return np.array(index, dtype=np.int64).reshape(-1, 2)

    @property
    def grouping_index(self) -> tuple[int, ...]:
        """Keypoint indices in the order in which grouping visits them."""
        first = [self.keypoint_names.index(n) for n in self.grouping_order]
        return (*first, *(k for k in range(self.num_keypoints) if k not in first))
