"""Evaluation backends: programs that match detections with people and count.

'hotcoco'      the official one in Rust, many times as fast
'pycocotools'  the official one, which serves where hotcoco cannot be imported
'xtcoco'       xtcocotools, with which the published numbers were made; a cross-check

All three get the same input and give the same arrays, from which our own code takes the metrics.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from mmengine.logging import print_log

from aepose.errors import ConfigError, nearest

AUTO = "auto"
# Name -> (the package, its modules that have COCO and COCOeval), the preferred one first.
_PACKAGES = {
    "hotcoco": ("hotcoco", "hotcoco", "hotcoco"),
    "pycocotools": ("pycocotools", "pycocotools.coco", "pycocotools.cocoeval"),
    "xtcoco": ("xtcocotools", "xtcocotools.coco", "xtcocotools.cocoeval"),
}
BACKENDS = (AUTO, *_PACKAGES)
MAX_DETECTIONS = 20  # per picture, by the official rule


@dataclass(frozen=True)
class Backend:
    """One evaluator.

    name: of BACKENDS; distribution: its package and version
    index: makes its empty annotation index
    evaluator: makes its evaluator from two indices and the sigmas
    """

    name: str
    distribution: str
    index: Callable[[], Any]
    evaluator: Callable[[Any, Any, np.ndarray], Any]

    def count(
        self,
        images: list[dict[str, Any]],
        categories: list[dict[str, Any]],
        people: list[dict[str, Any]],
        detections: list[dict[str, Any]],
        sigmas: Sequence[float],
        image_ids: Sequence[int] | None = None,
        max_detections: int = MAX_DETECTIONS,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return precision (10, 101, C, 3, 1) and recall (10, C, 3, 1), -1 where nobody is.

        The axes: OKS threshold 0.50 to 0.95; recall 0 to 1; category; people of all sizes, medium
        ones and large ones; the limit of detections per picture.

        people: with id from 1, image_id, category_id, bbox, area, iscrowd, keypoints (3K) and
            num_keypoints, of which 0 says that the person does not count
        detections: with id from 1, image_id, category_id, score, area, iscrowd, keypoints
        image_ids: compare in these pictures only
        max_detections: of each picture, those with the highest scores
        """
        with contextlib.redirect_stdout(io.StringIO()):  # they print their progress
            evaluator = self.evaluator(
                self._indexed(images, categories, people),
                self._indexed(images, categories, detections),
                np.asarray(sigmas, np.float64),
            )
            # One of them would leave out categories without annotations.
            evaluator.params.catIds = sorted(category["id"] for category in categories)
            evaluator.params.maxDets = [max_detections]
            if image_ids is not None:
                evaluator.params.imgIds = sorted(image_ids)
            evaluator.evaluate()
            evaluator.accumulate()
        return np.asarray(evaluator.eval["precision"]), np.asarray(evaluator.eval["recall"])

    def _indexed(self, images: list, categories: list, annotations: list) -> Any:
        index = self.index()
        index.dataset = {"images": images, "categories": categories, "annotations": annotations}
        index.createIndex()
        return index


def find_backend(name: str = AUTO) -> Backend:
    """Return an evaluator by its name; 'auto' is hotcoco, or pycocotools where that is missing.

    Raises ConfigError for an unknown name and for one that is not installed or cannot be imported.
    """
    if name not in BACKENDS:
        raise ConfigError(f"backend = {name!r} is not a known evaluator" + nearest(name, BACKENDS))
    if name != AUTO:
        return _load(name)
    if _is_installed("hotcoco"):
        try:
            return _load("hotcoco")
        except ConfigError as error:
            print_log(f"{error}; going on with pycocotools, which is slower", logger="current",
                      level=logging.WARNING)
    return _load("pycocotools")


def installed_backends() -> list[str]:
    """Return the names of the evaluators whose packages are installed."""
    return [name for name in _PACKAGES if _is_installed(name)]


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(_PACKAGES[name][0]) is not None


def _load(name: str) -> Backend:
    package, *modules = _PACKAGES[name]
    if not _is_installed(name):
        raise ConfigError(f"backend = {name!r}: {package} is not installed; `pip install "
                          f"{package}`, or choose another (installed: "
                          f"{', '.join(installed_backends())})")
    try:
        coco, cocoeval = map(importlib.import_module, modules)
    except (ImportError, ValueError) as error:  # ValueError: compiled for another NumPy
        raise ConfigError(f"backend = {name!r}: {package} is installed but cannot be imported "
                          f"({error}); install it anew for this NumPy, `pip install "
                          f"--force-reinstall --no-binary :all: --no-deps {package}`"
                          ) from error
    return Backend(name, f"{package} {version(package)}", coco.COCO,
                   _evaluator(name, cocoeval.COCOeval))


def _evaluator(name: str, made: Callable) -> Callable[[Any, Any, np.ndarray], Any]:
    """Return what makes an evaluator of a package's class ``made``."""
    if name == "xtcoco":
        # Of its types, this one reads num_keypoints as it stands, as the other two programs do.
        return lambda truth, found, sigmas: made(
            truth, found, "keypoints_crowd", sigmas, use_area=True)

    def evaluator(truth: Any, found: Any, sigmas: np.ndarray) -> Any:
        comparison = made(truth, found, "keypoints")
        comparison.params.kpt_oks_sigmas = sigmas
        return comparison

    return evaluator
