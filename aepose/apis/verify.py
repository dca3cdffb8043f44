"""Try an exported network where it is to run: with the examples that its file carries.

An example is a picture (PNG), the people that the network found in it before it was exported, and
the highest value of each of its heatmaps, which tells of networks that find nobody there.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from aepose.apis.exported import ExportedModel
from aepose.apis.predictor import Predictor
from aepose.errors import CheckpointError, NumericalError
from aepose.evaluation.agreement import SAME, Agreement, agreement
from aepose.images import decode_image
from aepose.results import PoseResult

# Of the highest values of heatmaps, by the type that the network was exported in.
TOLERANCES = {"float32": 1e-3, "float16": 0.02, "int8": 0.5}
# Where two people are close, rounding decides whose a keypoint is.
LEAST_SHARE = {"float32": 0.99, "float16": 0.75, "int8": 0.5}
_LEAST_OKS = {"float32": SAME, "float16": SAME, "int8": 0.5}
_REDUCED = "float16"  # how far engines go that compute in less than the file holds


@dataclass(frozen=True)
class Verification:
    """What running the examples again gave.

    found: by the file against what was found before; difference: largest of the heatmaps' maxima
    tolerance, least_share: what these may be
    """

    found: Agreement
    difference: float
    tolerance: float
    least_share: float

    def check(self, path: object) -> None:
        """Raise NumericalError that names the file unless it finds what it found before."""
        if self.difference > self.tolerance or self.found.share < self.least_share:
            raise NumericalError(
                f"{path} does not compute here what it did: {self.found.same} of "
                f"{max(self.found.first, self.found.second)} people agree (at least "
                f"{self.least_share:.0%} should), heatmaps differ by {self.difference:.2g} (at "
                f"most {self.tolerance:g}); try another engine or device, or export it again")


def make_example(image: np.ndarray, result: PoseResult) -> dict[str, Any]:
    """Return what a file carries of a picture (H, W, 3) uint8 RGB.

    result: with its maps (``keep_maps``)
    """
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return {"picture": base64.b64encode(data.tobytes()).decode("ascii"),
            "result": {**result.to_dict(), "seconds": {}}, "maxima": _maxima(result)}


def verify(model: ExportedModel) -> Verification:
    """Run the examples of a file again.

    Raises CheckpointError for a file without any, or whose examples cannot be read.
    """
    examples = model.description.examples
    if not examples:
        raise CheckpointError(f"{model.path} carries no examples; export it again")
    precision = model.description.precision
    if model.dtype is not None and precision == "float32":
        precision = _REDUCED
    found, difference = Agreement(), 0.0
    for number, example in enumerate(examples, start=1):
        image, before, maxima = _read_example(example, model, number)
        now = model.predict(image, keep_maps=True)
        found += agreement(before, now, _LEAST_OKS[precision])
        difference = max(difference, float(np.abs(np.subtract(_maxima(now), maxima)).max()))
    return Verification(found, difference, TOLERANCES[precision], LEAST_SHARE[precision])


def make_examples(source: Predictor, images: Sequence[np.ndarray]) -> tuple[dict[str, Any], ...]:
    """Return examples of pictures, with what ``source`` finds in them."""
    return tuple(make_example(image, source.predict(image, keep_maps=True)) for image in images)


def _maxima(result: PoseResult) -> list[float]:
    heatmaps = np.asarray(result.maps.heatmaps, np.float32)
    return [round(float(value), 6) for value in heatmaps.reshape(len(heatmaps), -1).max(axis=1)]


def _read_example(
    example: Mapping[str, Any], model: ExportedModel, number: int
) -> tuple[np.ndarray, PoseResult, Sequence[float]]:
    try:
        image = decode_image(base64.b64decode(example["picture"]), f"of example {number}")
        before = PoseResult.from_dict(_as_lists(example["result"]), model.metainfo)
        maxima = [float(value) for value in example["maxima"]]
        if len(maxima) != model.metainfo.num_keypoints:
            raise ValueError(f"{len(maxima)} maxima")
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{model.path}: example {number} cannot be read ({error}); export "
                              "the network again") from None
    return image, before, maxima


def _as_lists(value: Any) -> Any:
    """Return plain values with lists for tuples, as results are read from."""
    if isinstance(value, Mapping):
        return {key: _as_lists(part) for key, part in value.items()}
    return [_as_lists(part) for part in value] if isinstance(value, (list, tuple)) else value
