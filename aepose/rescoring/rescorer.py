"""A learnt rescoring: from result records to the same records with other scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from aepose.datasets.values import are_numbers, checked_id, is_number, shown
from aepose.errors import CheckpointError, ConfigError, DataError, NumericalError
from aepose.evaluation import CocoMetric, Record
from aepose.files import read_json
from aepose.rescoring.features import KeypointSet, person_features, targets
from aepose.rescoring.network import HIDDEN, Weights, predict, train
from aepose.weights.checkpoint import read_checkpoint, save_safetensors

_META = "rescoring"
_EXTRAS = ("found", "tags")


@dataclass(frozen=True)
class Rescorer:
    """A small network that tells what OKS each person of a result file can be expected to have.

    keypoints: of the results it was trained on; those of others are refused
    extras: whether it looks at ``found`` and ``tags`` of the records, too
    weights: of :mod:`aepose.rescoring.network`
    """

    keypoints: KeypointSet
    extras: bool
    weights: Weights

    @classmethod
    def train(cls, records: Sequence[Record], metric: CocoMetric, source: str | Path,
              seed: int = 0) -> Rescorer:
        """Learn from records, as ``load_records`` gives them, and the annotations of a metric.

        source: the file of the records, for messages. Where all have ``found`` and ``tags`` (see
        ``CocoMetric.extras``), these are looked at. The same input and seed give the same bits.

        Raises DataError where there is nothing to learn: no annotations, nobody found, or nobody of
        those annotated; and for extras that not all records have, or of a wrong length. Raises
        ConfigError for keypoints of several classes.
        """
        if not metric.ground_truth.annotated:
            raise DataError(f"{metric.ann_file} has no annotations to learn from")
        if len(metric.metainfo.classes) > 1:
            raise ConfigError(f"'{metric.metainfo.name}' has several classes; rescoring learns "
                              "from results of one")
        keypoints = KeypointSet.of(metric.metainfo)
        extras = any(key in record for record in records for key in _EXTRAS)
        if extras:
            _check_extras(records, keypoints, source)
        oks, known = targets(records, metric) if records else (np.zeros(0), np.zeros(0, bool))
        if not oks[known].any():
            raise DataError(f"{source}: none of the {len(records)} people found is one of those "
                            f"annotated in {metric.ann_file}; there is nothing to learn")
        features = person_features(records, keypoints, extras)
        weights = train(features[known], _scores(records)[known], oks[known], seed)
        if not all(np.isfinite(value).all() for value in weights.values()):
            raise NumericalError(f"{source}: the training broke down; are its numbers very large?")
        return cls(keypoints, extras, weights)

    def apply(self, records: Sequence[Record], source: str | Path) -> list[Record]:
        """Return copies of COCO result records with expected OKS as scores, and all else as it was.

        Records of one picture are looked at together, so give all of them. Raises DataError that
        names the record for one that is not as those that were learnt from, and for a score that
        cannot be computed.
        """
        _check(records, self.keypoints, source)
        if self.extras:
            _check_extras(records, self.keypoints, source)
        if not records:
            return []
        features = person_features(records, self.keypoints, self.extras)
        scores = predict(self.weights, features, _scores(records))
        for number in np.flatnonzero(~np.isfinite(scores)):
            raise DataError(f"{source}: record {number}: its score cannot be computed; its numbers "
                            "are too large")
        return [{**record, "score": float(score)}
                for record, score in zip(records, scores, strict=True)]

    def save(self, path: str | Path) -> None:
        """Write a safetensors file of a few kB."""
        state = {key: torch.from_numpy(value) for key, value in self.weights.items()}
        save_safetensors(path, state, {_META: {**asdict(self.keypoints), "extras": self.extras}})

    @classmethod
    def load(cls, path: str | Path) -> Rescorer:
        """Read what :meth:`save` wrote; raises CheckpointError for any other or damaged file."""
        content = read_checkpoint(path)
        try:
            told = dict(content["meta"][_META])
            extras = told.pop("extras")
            keypoints = KeypointSet(*(tuple(tuple(part) if isinstance(part, list) else part
                                            for part in told.pop(key))
                                      for key in ("fields", "limbs", "sigmas")))
            weights = {key: value.numpy() for key, value in content["state_dict"].items()}
            number = _number_of_features(keypoints, extras)
            shapes = {"mean": (number,), "factor": (number,), "hidden.weight": (number, HIDDEN),
                      "hidden.bias": (HIDDEN,), "last.weight": (HIDDEN,), "line": (2,)}
            fits = {key: value.shape for key, value in weights.items()} == shapes and not told
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CheckpointError(f"{path} is no rescoring model ({error!r}); `aepose rescore "
                                  "train` makes one") from None
        if not fits or not all(np.isfinite(value).all() for value in weights.values()):
            raise CheckpointError(f"{path} is no rescoring model of this version, or is damaged; "
                                  "train it anew by `aepose rescore train`")
        return cls(keypoints, extras, weights)


def read_records(path: str | Path) -> list[Record]:
    """Return the records of a file in COCO's result format; they are checked when they are used."""
    records = read_json(path, "result file")
    if not isinstance(records, list) or not all(isinstance(r, Mapping) for r in records):
        raise DataError(f"{path} is not a result file: expected a list of objects, one per person "
                        "found")
    return records


def _scores(records: Sequence[Record]) -> np.ndarray:
    return np.array([record["score"] for record in records], np.float64)


def _number_of_features(keypoints: KeypointSet, extras: bool) -> int:
    person: Record = {"image_id": 0, "score": 0.0, "found": [1] * len(keypoints.sigmas),
                      "tags": [0.0] * len(keypoints.sigmas),
                      **{name: [0.0] * 3 * count for name, count in keypoints.fields}}
    return person_features([person], keypoints, extras).shape[1]


def _check(records: Sequence[Record], keypoints: KeypointSet, source: str | Path) -> None:
    for number, record in enumerate(records):
        where = f"{source}: record {number}"
        checked_id(record.get("image_id"), "image_id", where)
        if not is_number(record.get("score")):
            raise DataError(f"{where}: 'score' is {shown(record.get('score'))}; it must be a "
                            "finite number")
        for name, count in keypoints.fields:
            if not are_numbers(record.get(name), 3 * count):
                raise DataError(f"{where}: '{name}' must be {3 * count} finite numbers, as the "
                                f"model was trained on {count} keypoints there; is it of another "
                                "data set?")


def _check_extras(
    records: Sequence[Record], keypoints: KeypointSet, source: str | Path
) -> None:
    """Raise DataError unless all records have ``found`` and ``tags`` of K keypoints, alike."""
    count, length = len(keypoints.sigmas), None
    for number, record in enumerate(records):
        tags = record.get("tags")
        tags = [tag if isinstance(tag, list) else [tag] for tag in
                (tags if isinstance(tags, list) else ())]
        length = length or len(tags[0] if tags else ())
        if not are_numbers(record.get("found"), count) or len(tags) != count or not all(
                are_numbers(tag, length) for tag in tags):
            raise DataError(f"{source}: record {number} has no 'found' and 'tags' of {count} "
                            "keypoints, as others have or those that the model learnt from; test "
                            "with test_evaluator.extras=True")
