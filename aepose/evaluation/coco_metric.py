"""The COCO keypoint metric of the test and validation loops."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from typing import Any

import numpy as np
from mmengine.logging import print_log

from aepose.datasets.annotations import join_fields
from aepose.datasets.categories import Category
from aepose.errors import ConfigError, DataError, nearest
from aepose.evaluation.backends import AUTO, MAX_DETECTIONS, find_backend
from aepose.evaluation.coco_eval import CocoScores, evaluate_records, mean_known
from aepose.evaluation.ground_truth import load_ground_truth
from aepose.evaluation.metric import PoseMetric
from aepose.evaluation.oks import oks_nms, soft_oks_nms
from aepose.evaluation.records import WHOLE, Part, Record, parts_of
from aepose.metainfo import Metainfo, get_metainfo
from aepose.registry import METRICS
from aepose.results import PoseResult
from aepose.results.formats import coco_records

# The order in which metrics are reported; the zoo's tables show all but the last.
METRIC_ORDER = ("AP", "AP50", "AP75", "AR", "AR50", "AP(M)", "AP(L)", "AR(M)", "AR(L)", "AR75")
_WHOLE_BODY_COLUMNS = tuple(f"{part} {name}" for part in ("body", "foot", "face", "hand", WHOLE)
                            for name in ("AP", "AR"))
_CLASS_COLUMNS = ("AP", "AP50", "AP75", "AR")  # means over classes, before those of each
PREDICTIONS = "predictions.json"
_HANDS = ("lefthand", "righthand")
_SUPPRESSION = {"oks": oks_nms, "soft_oks": soft_oks_nms}


@METRICS.register_module()
class CocoMetric(PoseMetric):
    """AP and AR of found people against a COCO-format annotation file.

    metainfo: the data set's keypoints, or its name; gives K and the sigmas
    ann_file: the annotation file; every picture in it counts, also one without a result
    use_area: measure people by the annotated area; False: by 0.53 of their box, which is the custom
        for AIC and MHP and works without annotated areas
    nms: None, 'oks' (drops poses alike to a better one) or 'soft_oks' (re-orders, keeps
        ``max_detections``)
    oks_threshold: OKS above which 'oks' drops a pose, or the width of 'soft_oks'; in (0, 1]
    backend: what counts, see :mod:`aepose.evaluation.backends`
    category: ids or names of the categories that are people, where the file leaves a choice, or by
        class which they are; in an experiment it is that of the data set
    max_detections: so many people found in a picture count, those with the highest scores; another
        number than 20 is not the official rule
    extras: write ``found`` and ``tags`` of each person to ``predictions.json``, too, where
        :mod:`aepose.rescoring` reads them

    records: after ``compute_metrics`` the COCO result records of all pictures, ready for JSON
    parts: after ``compute_metrics`` the scores of each set of keypoints by its name: 'keypoints',
        for a data set with several annotation fields 'body', 'foot', … and 'wholebody', and of
        several classes their names

    Where there are parts, each has an AP and AR ("foot AP"), "hand" is the mean of both hands, and
    the names without a part are those of the whole body. Where there are several classes, each is
    evaluated by itself, as if there were no other, and has an AP and AR ("dog AP"); the names
    without a class are the means over the classes of which there is somebody to find. Where the
    file has no annotations at all, as those of test servers, there are records but no metrics, and
    a line of the log says so.

    Raises ConfigError for a bad option, DataError for an annotation file that cannot be used:
    both at construction, before any network runs.
    """

    # Whether a person counts is seen from its keypoints, or else from the file's num_keypoints.
    counts_keypoints = True

    def __init__(self, metainfo: Metainfo | str, ann_file: str | PathLike[str],
                 nms: str | None = None, oks_threshold: float = 0.9, use_area: bool = True,
                 backend: str = AUTO, collect_device: str = "cpu",
                 prefix: str | None = "coco",
                 category: Category = None, max_detections: int = MAX_DETECTIONS,
                 extras: bool = False) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if nms is not None and nms not in _SUPPRESSION:
            raise ConfigError(f"nms = {nms!r} is not a known suppression"
                              + nearest(str(nms), _SUPPRESSION) + ", or None for none")
        if not 0 < oks_threshold <= 1:
            raise ConfigError(f"oks_threshold = {oks_threshold}: expected a number in (0, 1]")
        self.max_detections = max_detections
        self.backend = find_backend(backend)
        self.metainfo = get_metainfo(metainfo)
        self.ann_file = ann_file
        self.nms = nms
        self.extras = extras
        self.oks_threshold = oks_threshold
        self.ground_truth = load_ground_truth(
            ann_file, self.metainfo, use_area,
            needed=() if self.counts_keypoints else ("num_keypoints",), category=category)
        self._image_ids = {image["id"] for image in self.ground_truth.images}
        self.scored = parts_of(self.metainfo)
        self.records: list[Record] = []
        self.parts: dict[str, CocoScores] = {}
        self._seen: int | None = None

    @property
    def max_detections(self) -> int:
        """The limit of people found in a picture that count."""
        return self._max_detections

    @max_detections.setter
    def max_detections(self, limit: int) -> None:
        if type(limit) is not int or limit < 1:
            raise ConfigError(f"max_detections = {limit!r}: give a whole number from 1")
        self._max_detections = limit

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the published tables."""
        if len(self.metainfo.annotation_fields) > 1:
            return _WHOLE_BODY_COLUMNS
        if len(self.scored) > 1:
            return (*_CLASS_COLUMNS, *(f"{part.name} {name}" for part in self.scored
                                       for name in ("AP", "AR")))
        return METRIC_ORDER[:-1]

    def files(self) -> dict[str, Any]:
        """Return ``predictions.json``: the people found, in COCO's result format."""
        return {PREDICTIONS: self.records}

    def facts(self) -> dict[str, Any]:
        """Return all scores of each part, the data, and how it was evaluated."""
        return {
            "parts": {name: asdict(scores) for name, scores in self.parts.items()},
            "data": {"metainfo": self.metainfo.name, "annotations": str(self.ann_file),
                     "pictures": len(self.ground_truth.images),
                     "people_annotated": len(self.ground_truth.people),
                     "people_found": len(self.records)},
            "evaluator": {"metric": type(self).__name__, "backend": self.backend.distribution,
                          "nms": self.nms, "oks_threshold": self.oks_threshold,
                          "max_detections": self.max_detections},
        }

    def process(self, data_batch: Any, data_samples: Sequence[PoseResult]) -> None:
        """Note the people of one batch of pictures; ``data_batch`` is not looked at.

        Raises DataError for a picture that the annotation file does not know, ConfigError for
        poses with another number of keypoints than the metainfo.
        """
        for result in data_samples:
            self._check(result)
            records = coco_records(self._suppress(result), self.ground_truth.category_ids,
                                   self.metainfo, self.extras)
            self.results.append((result.image_id, records))

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the metrics of ``size`` pictures that all processes together have seen.

        Raises DataError if a picture is missing. One that a sampler repeated counts once.
        """
        # The engine would cut what it collects down to ``size``, as if only the last pictures were
        # ever repeated; what is really there is counted here instead.
        metrics = super().evaluate(sys.maxsize)
        if self._seen not in (None, size):  # None but in the first process
            raise DataError(f"{self._seen} of {size} pictures were evaluated; the test data loader "
                            "must give every picture (drop_last=False)")
        return metrics

    def compute_metrics(self, results: list[tuple[int, list[Record]]]) -> dict[str, float]:
        """Return the metrics by name; all 0, with a warning, when nobody was found anywhere."""
        by_image = dict(results)
        self._seen = len(by_image)
        # In the order of the file, whatever the order in which pictures were ready.
        return self.compute_from_records([
            record for image in self.ground_truth.images
            for record in by_image.get(image["id"], ())])

    def compute_from_records(self, records: Sequence[Record]) -> dict[str, float]:
        """Return the metrics of COCO result records, which are taken as they are."""
        self.records = list(records)
        if not self.ground_truth.annotated:
            print_log(f"{self.ann_file} has no annotations: {len(self.records)} people found, "
                      "metrics skipped", logger="current", level=logging.WARNING)
            self.parts = {}
            return {}
        self._warn()
        self.parts = {part.name: self.score(part) for part in self.scored}
        for part in self.scored:
            if part.whole:
                self._warn_of_the_limit(part)
        return self.summarise()

    def score(self, part: Part, image_ids: Sequence[int] | None = None) -> CocoScores:
        """Return how well ``records`` agree in a part, in all pictures or in some."""
        return evaluate_records(self.ground_truth, self.records, part, self.counts_keypoints,
                                image_ids, self.backend, self.max_detections)

    def summarise(self) -> dict[str, float]:
        """Return the metrics by name from ``parts``: METRIC_ORDER, then those of the parts."""
        whole = [self.parts[part.name].stats for part in self.scored if part.whole]
        metrics = {name: mean_known([stats[name] for stats in whole]) for name in METRIC_ORDER}
        if len(self.parts) > 1:
            metrics.update(self._part_metrics())
        return metrics

    def _part_metrics(self) -> dict[str, float]:
        """Return AP and AR of each part; of a whole body, before the whole, of the hands together.
        """
        stats = {name: scores.stats for name, scores in self.parts.items()}
        if len(self.metainfo.annotation_fields) > 1 and all(hand in stats for hand in _HANDS):
            whole = stats.pop(WHOLE)
            # A hand of which there is none to find says nothing of the other.
            stats["hand"] = {
                name: mean_known([stats[hand][name] for hand in _HANDS]) for name in ("AP", "AR")}
            stats[WHOLE] = whole
        return {f"{part} {name}": s[name] for part, s in stats.items() for name in ("AP", "AR")}

    def _check(self, result: PoseResult) -> None:
        if result.image_id not in self._image_ids:
            raise DataError(f"{self.ann_file}: no image has the id {result.image_id} of a result; "
                            "evaluate with the annotation file that the test pictures come from")
        found, expected = result.keypoints.shape[1], self.metainfo.num_keypoints
        if found != expected:
            raise ConfigError(f"the poses have {found} keypoints but metainfo "
                              f"'{self.metainfo.name}' has {expected}; network and data set must "
                              "use the same metainfo")

    def _warn(self) -> None:
        """Log what gives low metrics for another reason than bad poses."""
        broken = sum(not np.isfinite(record["score"]) for record in self.records)
        if broken:
            print_log(f"{broken} of {len(self.records)} people have a score that is not a finite "
                      "number; they are left out", logger="current", level=logging.WARNING)
        if not self.records:
            print_log("nobody was found in any picture: all metrics are 0", logger="current",
                      level=logging.WARNING)

    def _warn_of_the_limit(self, part: Part) -> None:
        """Log what the limit of people per picture takes away from the numbers of a class."""
        limit, truth = self.max_detections, self.ground_truth
        found = Counter(record["image_id"]
                        for record in truth.of_class(self.records, part.class_id))
        annotated = Counter(
            person["image_id"] for person in truth.of_class(truth.people, part.class_id)
            if not person["iscrowd"]
            and (any(v > 0 for v in join_fields(person, part.fields)[2::3])
                 if self.counts_keypoints else person["num_keypoints"]))
        cut, beyond = ([count - limit for count in counts.values() if count > limit]
                       for counts in (found, annotated))
        if not cut and not beyond:
            return
        whose = f"of class {part.name!r}, " if len(self.metainfo.classes) > 1 else ""
        text, costs = f"{whose}{limit} people per picture count (max_detections)", bool(beyond)
        if cut:
            free = evaluate_records(truth, self.records, part, self.counts_keypoints,
                                    backend=self.backend, max_detections=max(found.values()))
            own = self.parts[part.name].stats
            costs |= any(abs(free.stats[name] - own[name]) >= 5e-4 for name in ("AP", "AR"))
            text += (f": of {found.total()} found {sum(cut)} in {len(cut)} pictures do not; "
                     f"with them AP would be {free.stats['AP']:.3f} for {own['AP']:.3f}, AR "
                     f"{free.stats['AR']:.3f} for {own['AR']:.3f}")
        if beyond:
            most = 1 - sum(beyond) / annotated.total()
            text += (f"; {sum(beyond)} of {annotated.total()} annotated people in {len(beyond)} "
                     f"pictures are beyond it, so AR is at most {most:.3f}")
        print_log(text, logger="current", level=logging.WARNING if costs else logging.INFO)

    def _suppress(self, result: PoseResult) -> PoseResult:
        if self.nms is None or not len(result):
            return result
        return result[self.keep(result.keypoints, result.scores, result.class_ids)]

    def keep(self, keypoints: np.ndarray, scores: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
        """Return the indices of the poses of one picture that suppression keeps, in its order.

        keypoints: (P, K, 2) float32, pixels of the picture; scores: (P,) float32; class_ids: (P,),
        of which each is suppressed by itself
        """
        if self.nms is None:
            return np.arange(len(scores))
        limit = {"max_kept": self.max_detections} if self.nms == "soft_oks" else {}
        kept = []
        for index, one in enumerate(self.metainfo.classes):
            own = np.flatnonzero(class_ids == index)
            kept.append(own[_SUPPRESSION[self.nms](
                keypoints[own, one.keypoints], scores[own], one.metainfo.sigmas,
                self.oks_threshold, **limit)])
        return np.concatenate(kept)
