"""Whether a training can start, and what would probably spoil it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from aepose.analysis.data_check import check_dataset
from aepose.analysis.enough import check_films
from aepose.analysis.environment import check_environment
from aepose.analysis.findings import Finding
from aepose.analysis.picture_check import picture_paths, shared_pictures
from aepose.analysis.sides import check_pair_names
from aepose.datasets import CocoKeypoints
from aepose.errors import AeposeError, warn_once
from aepose.experiment import Experiment
from aepose.models.backbones.timm import Timm
from aepose.weights.timm_weights import cached_timm_weights, timm_weights_url
from aepose.zoo.hub import checkpoint_folder
from aepose.zoo.index import backbones, file_name


def examine(config: str | None = None, options: Sequence[str] = ()) -> dict[str, list[Finding]]:
    """Return what was found: of the machine and, with a config, of it and of its data.

    config, options: as :meth:`~aepose.experiment.Experiment.load` takes them

    Nothing is downloaded, and nothing is written.
    """
    machine = {"This machine": check_environment()}
    return machine if config is None else machine | examine_config(config, options)


def examine_config(config: str, options: Sequence[str] = ()) -> dict[str, list[Finding]]:
    """Return what was found of a config and its data."""
    found: dict[str, list[Finding]] = {}
    try:
        experiment = Experiment.load(config, options)
        found[f"Config {config}"] = _check_config(experiment)
    except AeposeError as error:
        found[f"Config {config}"] = [Finding("error", str(error))]
        return found
    read: dict[str, list[CocoKeypoints]] = {"train": [], "val": []}
    for split, title in (("train", "Training data"), ("val", "Validation data")):
        for name, findings, datasets in _check_split(experiment, split):
            found[f"{title}: {name}"] = findings
            read[split] += datasets
    paths, images = ({split: list(chain.from_iterable(part(dataset) for dataset in datasets))
                      for split, datasets in read.items()}
                     for part in (picture_paths, lambda dataset: dataset.images))
    both = [*shared_pictures(set(paths["train"]), set(paths["val"])),
            *check_films(images["train"], images["val"])]
    if both:
        found["Training and validation"] = both
    return found


def can_train(found: dict[str, list[Finding]]) -> bool:
    """Return whether nothing was found that training stops at."""
    return not any(finding.level == "error" for part in found.values() for finding in part)


def _check_config(experiment: Experiment) -> list[Finding]:
    metainfo, model = experiment.metainfo, experiment.network()
    size = sum(p.numel() for p in model.parameters()) / 1e6
    found = [Finding("ok", f"{experiment.backbone}, {size:.2f} M parameters; "
                     f"{metainfo.num_keypoints} keypoints of '{metainfo.name}', "
                     f"{len(metainfo.flip_pairs)} flip pairs"),
             *(f for one in metainfo.classes for f in check_pair_names(one.metainfo))]
    root = experiment.data_root
    if not root.is_dir():
        found.append(Finding("warning", f"data_root {root} is not there, seen from {Path.cwd()}",
                             "--cfg-options data_root=DIR"))
    url = backbones().get(str(getattr(model, "pretrained", None)))
    if url and not (checkpoint_folder() / file_name(url)).is_file():
        found.append(Finding("note", f"training starts from {file_name(url)}, which is not here "
                             f"yet and will be fetched from {url}", "without a network: see "
                             "AEPOSE_MIRROR, or --cfg-options model.pretrained=None"))
    backbone = getattr(model, "backbone", None)
    if isinstance(backbone, Timm) and backbone.pretrained and not cached_timm_weights(backbone):
        found.append(Finding("note", f"training starts from timm's weights of {backbone.name}, "
                             "which are not here yet and will be fetched from "
                             f"{timm_weights_url(backbone)}", "without a network: --cfg-options "
                             "model.backbone.pretrained=False model.pretrained=FILE"))
    return found


def _check_split(experiment: Experiment, split: Any
                 ) -> Iterator[tuple[str, list[Finding], list[CocoKeypoints]]]:
    """Yield each data set's file, what was found, and the data set if it is of ours."""
    print(f"reading the {split} data …", file=sys.stderr)
    said: list[str] = []
    try:
        with _heard(said):
            datasets = list(_parts(experiment.dataset(split)))
            if split == "val":
                experiment.metrics("val")
    except AeposeError as error:
        yield split, [*_told(said), Finding("error", str(error))], []
        return
    if said:
        yield "what is taken otherwise than written", _told(said), []
    for dataset in datasets:
        if isinstance(dataset, CocoKeypoints):
            yield (str(dataset.ann_file), check_dataset(dataset, experiment.metainfo),
                   [dataset])
        else:
            yield type(dataset).__name__, [Finding(
                "note", f"{len(dataset)} samples of a kind of your own, which are not looked at")
            ], []


@contextmanager
def _heard(said: list[str]) -> Iterator[None]:
    """Add what is warned of to ``said``."""
    warn_once.cache_clear()  # also what was said before
    with warnings.catch_warnings(record=True, action="always") as caught:
        try:
            yield
        finally:
            said += [str(warning.message) for warning in caught]


def _told(said: list[str]) -> list[Finding]:
    """Return warnings as findings; metrics begin with what the data set has said before."""
    return [Finding("warning", text) for text in said
            if not any(other.startswith(text) and other != text for other in said)]


def _parts(dataset: Any) -> Iterator[Any]:
    """Yield the data sets that a mixture consists of."""
    for part in getattr(dataset, "datasets", ()):
        yield from _parts(part)
    if not hasattr(dataset, "datasets"):
        yield dataset
