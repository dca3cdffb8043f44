"""What an exported file finds, against the network that it was made from, on real pictures."""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from aepose.apis.exported import ExportedModel
from aepose.apis.inference import PoseInferencer
from aepose.apis.predictor import Predictor
from aepose.apis.sources import Picture
from aepose.errors import ConfigError, DataError, NumericalError
from aepose.evaluation.agreement import SAME, Agreement, agreement
from aepose.experiment import coco_metrics
from aepose.exporting.memory import peak_memory
from aepose.exporting.pictures import Chosen
from aepose.files import read_json, write_json
from aepose.results import PoseResult
from aepose.runtime.sessions import ENGINES, choose_engine
from aepose.tables import counted, format_table

_TORCH = "PyTorch"


@dataclass(frozen=True)
class Limits:
    """What ``strict`` allows: heatmaps and tags off by a share of their maximum, the least share of
    people that agree, and AP off."""

    maps: float
    people: float
    ap: float


LIMITS = {"float32": Limits(1e-4, 0.99, 0.001), "float16": Limits(0.05, 0.75, 0.005),
          "int8": Limits(1.0, 0.15, 0.02)}
"""By the precision of the file. In 8 bits a doubtful keypoint comes or goes: the maps say little of
it, and few people stay within an OKS of 0.99; what counts is AP."""


@dataclass(frozen=True)
class Side:
    """What one of those compared found, and what it needed.

    heatmaps, tags: largest difference from PyTorch's, as a share of the largest value of these
    found: its people against PyTorch's
    milliseconds: per picture, network and decoding, median after a first run
    memory: most MiB that the first picture took, beyond the loaded model; None: not known
    ap: None without annotations
    """

    name: str
    heatmaps: float
    tags: float
    found: Agreement
    milliseconds: float
    memory: float | None
    ap: float | None = None


@dataclass(frozen=True)
class Parity:
    """The comparison of a file.

    sides: PyTorch first, then each engine that is installed and can run the file
    pictures: how many were compared; left_out: how many the file does not take
    """

    sides: tuple[Side, ...]
    precision: str
    pictures: int
    left_out: int = 0

    def table(self) -> str:
        """Return a Markdown table, one row for each side, under a line on the pictures."""
        first, *others = self.sides
        rows = [[first.name, "", "", str(first.found.first), "", *_costs(first)]]
        for side in others:
            found = side.found
            rows.append([side.name, f"{side.heatmaps:.1e}", f"{side.tags:.1e}",
                         f"{found.second} ({found.share:.1%})",
                         f"{found.moved} of {found.keypoints}", *_costs(side)])
        left_out = (f"; {self.left_out} left out, whose shape the file does not take"
                    if self.left_out else "")
        return (f"{counted(self.pictures, 'picture')}, {self.precision}{left_out}\n\n"
                + format_table(["", "heatmaps off", "tags off", f"people (OKS > {SAME:g})",
                                "keypoints moved > 0.5 px", "AP", "ms", "MiB"], rows))

    def problems(self) -> list[str]:
        """Return in what sides differ by more than LIMITS allow."""
        limits, first = LIMITS[self.precision], self.sides[0]
        said = []
        for side in self.sides[1:]:
            for name in ("heatmaps", "tags"):
                off = getattr(side, name)
                if not off <= limits.maps:
                    said.append(f"{name} of {side.name} are off by {off:.2g} of their maximum (at "
                                f"most {limits.maps:g})")
            if side.found.share < limits.people:
                said.append(f"{side.found.share:.1%} of the people of {side.name} agree (at least "
                            f"{limits.people:.0%})")
            if side.ap is not None and abs(side.ap - first.ap) > limits.ap:
                said.append(f"AP of {side.name} is {side.ap:.4f}, not {first.ap:.4f} (within "
                            f"{limits.ap:g})")
        return said

    def check(self, name: str) -> None:
        """Raise NumericalError that names the file if there are problems."""
        problems = self.problems()
        if problems:
            raise NumericalError(f"{name} is not written: it does not find what the network does: "
                                 + "; ".join(problems))


@dataclass
class _Notes:
    """What is noted of one side, picture by picture."""

    model: Predictor
    memory: float | None = None
    seconds: list[float] = field(default_factory=list)
    results: list[PoseResult] = field(default_factory=list)
    heatmaps: float = 0.0
    tags: float = 0.0
    found: Agreement = field(default_factory=Agreement)

    def run(self, picture: Picture) -> PoseResult:
        if not self.seconds:
            self.memory = peak_memory(lambda: self.model.predict(picture))
        result = self.model.predict(picture, keep_maps=True)
        self.seconds.append(result.seconds["network"] + result.seconds["decode"])
        self.results.append(replace(result, maps=None, image=None))
        return result

    def compare(self, expected: PoseResult, picture: Picture) -> None:
        result = self.run(picture)
        self.found += agreement(expected, result)
        self.heatmaps = max(self.heatmaps, _off(expected.maps.heatmaps, result.maps.heatmaps))
        self.tags = max(self.tags, _off(expected.maps.tags, result.maps.tags))


def compare(source: PoseInferencer, path: Path, chosen: Chosen,
            annotations: str | Path | None = None) -> Parity:
    """Run a file in every engine beside the network that it was made from.

    source: tests as the file does (flip, scales, sizes); annotations: of the pictures, COCO format

    Raises DataError for pictures that cannot be read or are not in the annotations.
    """
    truth = Truth(annotations, chosen.pictures) if annotations is not None else None
    torch_side, sides = _Notes(source), {name: _Notes(ExportedModel(path, name))
                                         for name in _engines(path)}
    for picture in chosen.pictures:
        expected = torch_side.run(picture)
        for side in sides.values():
            side.compare(expected, picture)
    people = sum(map(len, torch_side.results))
    torch_side.found = Agreement(people, people, people)
    made = []
    for name, notes in {_TORCH: torch_side, **sides}.items():
        ap = truth.ap(source, notes.results) if truth else None
        made.append(Side(name, notes.heatmaps, notes.tags, notes.found,
                         statistics.median(notes.seconds) * 1e3, notes.memory, ap))
    precision = sides and next(iter(sides.values())).model.description.precision
    return Parity(tuple(made), precision, len(chosen.pictures), chosen.left_out)


class Truth:
    """The annotations of some pictures."""

    def __init__(self, path: str | Path, pictures: Sequence[Picture]) -> None:
        self._path, self._content = path, read_json(path, "annotation file")
        images = self._content.get("images") if isinstance(self._content, dict) else None
        if not isinstance(images, list):
            raise DataError(f"{path} has no 'images'; give a COCO-format annotation file")
        known: dict[str, list[Any]] = {}
        for image in images:
            if isinstance(image, dict):
                known.setdefault(Path(str(image.get("file_name"))).name, []).append(image.get("id"))
        self._ids = []
        for picture in pictures:
            name = Path(picture.path).name
            if name not in known:
                raise DataError(f"{path} does not know the picture {picture.path or 'given'}; give "
                                "the pictures that it annotates, too")
            if len(known[name]) > 1:
                raise DataError(f"{path} has {len(known[name])} pictures called {name}, in several "
                                "folders; give annotations of one folder")
            self._ids += known[name]

    def ap(self, source: PoseInferencer, results: Sequence[PoseResult]) -> float:
        """Return the AP of results of the pictures, by the metric of the config."""
        ids, content = set(self._ids), dict(self._content)
        content["images"] = [one for one in content["images"] if one.get("id") in ids]
        content["annotations"] = [one for one in content.get("annotations", ())
                                  if one.get("image_id") in ids]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(self._path).name
            write_json(file, content)
            metric = coco_metrics(source.experiment, file)[0]
        metric.process(None, [replace(result, image_id=number) for result, number
                              in zip(results, self._ids, strict=True)])
        numbers = metric.compute_metrics(metric.results)
        if "AP" not in numbers:
            raise DataError(f"{self._path} has no annotations of these pictures to compare with")
        return numbers["AP"]


def _engines(path: Path) -> list[str]:
    """Return the engines that are installed and can run a file."""
    usable = []
    for name in ENGINES:
        try:
            choose_engine(path, name)
        except ConfigError:
            continue
        if importlib.util.find_spec(name):
            usable.append(name)
    return usable


def _off(expected: Any, found: Any) -> float:
    """Return the largest difference of two maps, as a share of the largest value."""
    expected, found = np.asarray(expected, np.float64), np.asarray(found, np.float64)
    return float(np.abs(expected - found).max() / np.abs(expected).max())


def _costs(side: Side) -> list[str]:
    return ["-" if side.ap is None else f"{side.ap:.3f}", f"{side.milliseconds:.1f}",
            "-" if side.memory is None else f"{side.memory:.0f}"]
