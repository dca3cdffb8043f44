"""An old config as one of ours, and the account of what was not carried over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aepose.codecs.geometry import CONVENTIONS, SIZE_MULTIPLE
from aepose.errors import ConfigError
from aepose.metainfo import get_metainfo
from aepose.migration.data import (
    Pipelines,
    convert_data,
    keypoints_of,
    multi_scales,
    suppression,
)
from aepose.migration.network import convert_network, synced
from aepose.migration.schedule import convert_schedule
from aepose.migration.sections import Report, Section

_TRAINING = ("train_cfg", "optim_wrapper", "param_scheduler", "auto_scale_lr")
# What MMPose reads from the data sets; at the top of a file they are names used further down.
_VARIABLES = {"channel_cfg": None, "train_pipeline": "train.pipeline", "data_cfg": "test.data_cfg",
              "val_pipeline": "val.pipeline", "test_pipeline": "test.pipeline",
              "dataset_info": "test.dataset_info", "data_root": None}


@dataclass(frozen=True)
class Conversion:
    """A config of ours, as plain values, made of an old one.

    notes: keys of the old one that are not carried over and change nothing, each with the reason
    training: what cannot be converted of its training. If there is anything, ``config`` has no
        sections for a training, so that none can start; its tests are the old ones
    """

    config: dict[str, Any]
    notes: list[tuple[str, str]]
    training: list[tuple[str, str]]


def convert(old: Mapping[str, Any]) -> Conversion:
    """Return what an old config says in the words of ours.

    old: its top-level names, ``_base_`` files merged

    Raises ConfigError that lists all that would make another network or another test of it.
    """
    old, report = _as_json(old), Report()
    top = Section(old, "", report, "training")
    data = top.section("data", "problems")
    metainfo, kind = keypoints_of(data, top.section("dataset_info").values)
    keypoints = get_metainfo(metainfo).num_keypoints
    said = Pipelines()
    loaders = convert_data(data, top.text("data_root", "").rstrip("/"), keypoints, kind, said)
    model = top.section("model", "problems")
    network = convert_network(model, keypoints)
    test = model.section("test_cfg")
    codec, test_time = _convert_test(test, network, keypoints, said, report)
    for section in (test, model):
        section.close()
    test_time["multi_scales"] = multi_scales(kind)
    loaders["val_evaluator"] |= suppression(said, report)
    schedule = convert_schedule(top)
    config = {"metainfo": metainfo, **loaders, "codec": codec, "model": network,
              "test_time": test_time, **schedule}
    if synced(old["model"]):
        config["sync_bn"] = True
    _check_variables(top, old)
    if report.problems:
        raise ConfigError("it cannot be converted:" + listed([*dict.fromkeys(report.problems)]))
    if report.training:
        config = {key: value for key, value in config.items() if key not in _TRAINING}
    # Three data sets say many a thing three times.
    return Conversion(config, [*dict.fromkeys(report.notes)], [*dict.fromkeys(report.training)])


def listed(entries: list[tuple[str, str]]) -> str:
    """Return a line for each entry, beginning with a line break."""
    return "".join(f"\n  {key}: {why}" for key, why in entries)


def _as_json(value: Any) -> Any:
    """Return plain values with lists for tuples, as files of both kinds have them."""
    if isinstance(value, Mapping):
        return {key: _as_json(part) for key, part in value.items()}
    return [*map(_as_json, value)] if isinstance(value, (list, tuple)) else value


def _convert_test(test: Section, network: dict[str, Any], keypoints: int, said: Pipelines,
                  report: Report) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return our ``codec`` and ``test_time``."""
    said.say("use_udp", test.name("use_udp"), test.take("use_udp", False))
    kernel = test.whole("nms_kernel", 5)
    people = test.take("max_num_people", 30)
    said.say("max_num_people", test.name("max_num_people"), people)
    udp = said.agreed("use_udp", False, report.problems)
    codec: dict[str, Any] = {"type": "AssociativeEmbeddingCodec", **_sizes(said, report)}
    defaults = {"sigma": 2, "max_num_people": 30, "nms_kernel": 5, "detection_threshold": 0.1,
                "tag_threshold": 1, "use_detection_val": True, "ignore_too_much": False,
                "adjust": True, "refine": True, "convention": "classic",
                "size_multiple": SIZE_MULTIPLE}
    values = {
        **{name: test.take(name, default) for name, default in defaults.items()
           if name not in ("sigma", "convention", "size_multiple")},
        "sigma": said.agreed("sigma", 2, report.training),
        "max_num_people": said.agreed("max_num_people", 30, report.training),
        "convention": "udp" if udp else "classic",
        "size_multiple": said.agreed("base_length", SIZE_MULTIPLE, report.problems)}
    codec |= {key: value for key, value in values.items() if value != defaults[key]}
    test.only("nms_padding", kernel // 2, why="a peak is in the middle of its window here")
    test.only("num_joints", keypoints, why=f"the data set has {keypoints} keypoints")
    test.unused(("scale_factor",), "MMPose reads it nowhere; its resize step has the scales")
    test.unused(("score_per_joint",), "results always have a score for each keypoint")
    _check_outputs(test, network)
    joining = CONVENTIONS[values["convention"]].joining
    settings = {"project2image": test.take("project2image", joining["project2image"]),
                "align_corners": test.take("align_corners", True)}
    test_time: dict[str, Any] = {"scales": said.agreed("scales", [1], report.notes)}
    test_time |= {key: value for key, value in settings.items() if value != joining[key]}
    if not test.take("flip_test", True):
        test_time["flip"] = False
    if "select_output_index" in test:
        test_time["outputs"] = test.several("select_output_index")
    return codec, test_time


def _sizes(said: Pipelines, report: Report) -> dict[str, Any]:
    """Return the size of the input, and the strides of the maps."""
    size = said.agreed("image_size", 512, report.problems)
    maps = said.agreed("heatmap_size", [], report.problems)
    strides = []
    for one in maps:
        found = {_stride(*pair) for pair in zip(_sides(size), _sides(one), strict=True)}
        if len(found) > 1 or found == {0}:
            report.problems.append((f"data_cfg.heatmap_size = {maps!r}", (
                f"image_size = {size!r} must be a multiple of each")))
            return {"input_size": size}
        strides += found
    return {"input_size": size, "map_strides": strides}


def _sides(size: Any) -> list:
    """Return a width and a height, which may be given as one number."""
    return size if isinstance(size, list) and len(size) == 2 else [size, size]


def _stride(side: Any, cells: Any) -> int:
    """Return the pixels per cell; 0 if there is no whole number of them."""
    whole = type(side) is int and type(cells) is int and cells > 0 and side % cells == 0
    return side // cells if whole else 0


def _check_outputs(test: Section, network: dict[str, Any]) -> None:
    """Compare what a test says of the outputs with what the head has."""
    head = network["keypoint_head"]
    test.only("tag_per_joint", head.get("tag_per_joint", True), why="the head says otherwise")
    count = len(head["losses"])
    tags = [i in head.get("tag_outputs", [0]) for i in range(count)]
    if head["type"] == "AEMultiStageHead":
        tags = [True] * count
    for key, wanted in (("with_heatmaps", [True] * count), ("with_ae", tags)):
        if test.several(key, wanted) != wanted:
            test.misfit(key, f"the head's outputs are {wanted}; test_time.outputs chooses among "
                        "whole outputs", test.take(key))


def _check_variables(top: Section, old: dict[str, Any]) -> None:
    """Note names at the top that are read by nobody, or that say otherwise than what is read."""
    for name, used in _VARIABLES.items():
        value = top.take(name, None)
        if used and value is not None:
            split, key = used.split(".")
            part = old["data"].get(split)
            if not isinstance(part, dict) or value != part.get(key):
                top.report.notes.append(
                    (name, f"data.{used} says otherwise, and is what MMPose reads"))
    top.report.notes += [(key, "MMPose 0.x reads no such name") for key in top.unasked()]
