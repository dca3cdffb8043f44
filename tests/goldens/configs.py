"""configs.json.gz: every entry of every published config against ours; dataset_info.json.gz."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from aepose.experiment import Experiment
from aepose.metainfo import get_metainfo
from tests.goldens.common import Options, Tally, difference, read_json
from tests.goldens.hyperparameters import FIXED, RULES, SILENT, Ours
from tests.goldens.networks import find_config

# The steps of the published pipelines, by what they are called in the table.
STEPS = {
    "BottomUpRandomAffine": "affine", "BottomUpRandomFlip": "flip",
    "BottomUpGenerateTarget": "target", "NormalizeTensor": "normalise",
    "BottomUpGetImgSize": "size", "BottomUpResizeAlign": "resize",
}
TRAIN_STEPS = ["LoadImageFromFile", "BottomUpRandomAffine", "BottomUpRandomFlip", "ToTensor",
               "NormalizeTensor", "BottomUpGenerateTarget", "Collect"]
TEST_STEPS = ["LoadImageFromFile", "BottomUpGetImgSize", "BottomUpResizeAlign", "ToTensor",
              "NormalizeTensor", "Collect"]


def check_configs(folder: Path, options: Options) -> Tally:
    """One case per entry of each config; the difference is 1 for an unlike or unknown entry."""
    tally = Tally()
    for published_path, published in read_json(folder / "configs.json.gz").items():
        name = Path(published_path).stem
        path = find_config(name)
        if path is None:
            tally.add(f"{name} (no such config)", 1, 0)
            continue
        for key, agrees in compare(published, Ours(Experiment.load(path))).items():
            tally.add(f"{name}: {key}", float(not agrees), 0)
    return tally


def compare(published: dict[str, Any], ours: Ours) -> dict[str, bool]:
    """Return for every entry of a published config whether ours says the same."""
    entries = {**SILENT, **flatten(published)}
    # A silent backbone is no HRNet, a silent head has its default; both are seen in the networks.
    result = {key: _agrees(key, value, ours) for key, value in entries.items()}
    for pipeline, steps in (("train", TRAIN_STEPS), ("val", TEST_STEPS), ("test", TEST_STEPS)):
        found = [step["type"] for step in _steps(published[f"{pipeline}_pipeline"])]
        result[f"{pipeline}_pipeline order"] = found == steps
        result[f"data.{pipeline} repeats"] = (
            published["data"][pipeline]["pipeline"] == published[f"{pipeline}_pipeline"]
            and published["data"][pipeline]["data_cfg"] == published["data_cfg"])
    return result


def _agrees(key: str, value: Any, ours: Ours) -> bool:
    if key == "model.keypoint_head.extra.final_conv_kernel":
        # Without a kernel the maps are the backbone's own, as in the multi-stage head.
        kernel = 0 if ours.head["type"] == "AEMultiStageHead" else ours.head.get("final_kernel", 1)
        return value == kernel
    if key in FIXED:
        return value == FIXED[key]
    rule = RULES.get(key) or next((r for k, r in RULES.items() if fnmatchcase(key, k)), None)
    return rule is not None and _plain(rule(ours)) == value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def flatten(published: dict[str, Any]) -> dict[str, Any]:
    """Return dotted keys -> values; pipelines by the names of their steps.

    Left out is what is compared elsewhere: the repeated pipelines and data_cfg of each split, the
    facts of the data set (``check_dataset_info``), and what a pipeline step collects.
    """
    flat: dict[str, Any] = {}
    for key, value in published.items():
        if key.endswith("_pipeline"):
            for step in _steps(value):
                _put(flat, f"{key}.{STEPS.get(step['type'], 'other')}", {
                    k: v for k, v in step.items()
                    if k not in ("type", "transforms", "keys", "meta_keys")})
        elif key != "dataset_info":
            _put(flat, key, value)
    return flat


def _put(flat: dict[str, Any], key: str, value: Any) -> None:
    if key.endswith((".pipeline", ".data_cfg", ".dataset_info")):
        return
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        value = {str(i): v for i, v in enumerate(value)}
    if isinstance(value, dict):
        for name, part in value.items():
            _put(flat, f"{key}.{name}", part)
    else:
        flat[key] = value


def _steps(pipeline: list[dict]) -> list[dict]:
    """The steps of a pipeline, nested ones in their place."""
    steps = []
    for step in pipeline:
        if step["type"] == "MultitaskGatherTarget":
            # The same target for each stack of the hourglass.
            inner = {str(s) for s in step["pipeline_list"]}
            assert len(inner) == 1
            assert set(step["pipeline_indices"]) == {0}
            steps += step["pipeline_list"][0]
        else:
            steps.append(step)
            steps += step.get("transforms", [])
    return steps


def check_dataset_info(folder: Path, options: Options) -> Tally:
    """Names, flip index, sigmas and skeleton of every data set."""
    tally = Tally()
    for name, facts in read_json(folder / "dataset_info.json.gz").items():
        metainfo = get_metainfo(name)
        tally.add(f"{name}.names", float(list(metainfo.keypoint_names) != facts["names"]), 0)
        tally.add(f"{name}.flip_index", difference(metainfo.flip_index, facts["flip_index"]), 0)
        tally.add(f"{name}.sigmas", difference(metainfo.sigmas, facts["sigmas"]), 0)
        skeleton = np.reshape(facts["skeleton"], (-1, 2))
        tally.add(f"{name}.skeleton", difference(metainfo.skeleton_index, skeleton), 0)
    return tally
