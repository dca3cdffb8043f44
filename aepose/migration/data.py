"""The data of an old config: data sets, pipelines, loaders, metric, and the codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aepose.errors import ConfigError
from aepose.migration.keypoints import DATASETS, READ, convert_keypoints
from aepose.migration.sections import Report, Section
from aepose.zoo.index import datasets

_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_SPLITS = ("train", "val", "test")
_NO_STEP = ("aepose has no such step; write it as a transform of your own (docs/extending.md), or "
            "take it out")


@dataclass
class Pipelines:
    """What the steps of all pipelines say, each of which several steps repeat.

    values: what is said -> each place that says it, and the value
    """

    values: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)

    def say(self, what: str, place: str, value: Any) -> None:
        """Note what a place says."""
        self.values.setdefault(what, []).append((place, value))

    def agreed(self, what: str, default: Any, report: list[tuple[str, str]]) -> Any:
        """Return the one value; places that say otherwise than the last one go to ``report``."""
        said = self.values.get(what) or [("", default)]
        place, value = said[-1]
        for other, theirs in said[:-1]:
            if theirs != value:
                report.append((f"{other} = {theirs!r}", f"{place} has {value!r}; aepose has one "
                               "value for both"))
        return value


def keypoints_of(data: Section, info: Mapping[str, Any]) -> tuple[str | dict[str, Any], str]:
    """Return ``metainfo``, and the type of the data sets; ``info`` is that of the file's top."""
    split = next((split for split in ("test", "val") if data.values.get(split)), "train")
    test = data.section(split)
    kind = test.text("type")
    if kind not in DATASETS:
        raise ConfigError(f"{test.name('type')} = {kind!r}: known are " + ", ".join(DATASETS))
    info = test.section("dataset_info").values or info
    for key in info:
        if key not in READ:
            data.report.notes.append((f"dataset_info.{key}", "bottom-up networks do not read it"))
    return convert_keypoints(info, kind), kind


def convert_data(data: Section, root: str, keypoints: int, kind: str,
                 said: Pipelines) -> dict[str, Any]:
    """Return the loaders and the metric of a config of ours; ``said`` collects for the codec.

    root: ``data_root`` of the old config, or nothing
    """
    report = data.report
    entries = [entry for split in _SPLITS if isinstance(entry := data.take(split, None), dict)]
    paths = [entry.get(key) for entry in entries for key in ("ann_file", "img_prefix")]
    if not root or not all(isinstance(p, str) and p.startswith(f"{root}/") for p in paths):
        root = ""
    sets = {}
    for split in _SPLITS:
        given = data.take(split, None)
        weight = "training" if split == "train" else "problems"
        if not isinstance(given, dict) or str(given.get("type")) not in DATASETS:
            getattr(report, weight).append((f"data.{split}", (
                f"aepose reads one data set of {', '.join(DATASETS)} there")))
            continue
        section = Section(given, f"data.{split}", report, weight)
        sets[split] = _convert_set(section, split, root, keypoints, said)
    loaders = {split: _convert_loader(data, split) for split in _SPLITS}
    result: dict[str, Any] = {"data_root": root} if root else {}
    for split, described in sets.items():
        loader = {**loaders[split], "dataset": described}
        if split != "test" or loader != result.get("val_dataloader"):
            result[f"{split}_dataloader"] = loader
    result["val_evaluator"] = _convert_metric(data, kind)
    data.close()
    return result


def _convert_set(entry: Section, split: str, root: str, keypoints: int,
                 said: Pipelines) -> dict[str, Any]:
    entry.take("type")
    entry.take("dataset_info", None)
    entry.take("test_mode", None)
    described: dict[str, Any] = {"type": "CocoKeypoints"}
    for ours, theirs in (("ann_file", "ann_file"), ("img_dir", "img_prefix")):
        path = entry.text(theirs)
        described[ours] = (path.removeprefix(f"{root}/") if root else path).rstrip("/")
    _read_data_cfg(entry.section("data_cfg"), split, keypoints, said)
    steps = [*entry.sections("pipeline")]
    if split == "train":
        described["transforms"] = _train_steps(steps, said)
    else:
        described["test_mode"] = True
        _test_steps(steps, split, said)
    entry.close()
    return described


def _read_data_cfg(cfg: Section, split: str, keypoints: int, said: Pipelines) -> None:
    said.say("image_size", cfg.name("image_size"), cfg.take("image_size"))
    sizes = cfg.several("heatmap_size")
    said.say("heatmap_size", cfg.name("heatmap_size"), sizes)
    cfg.only("num_joints", keypoints, why=f"the data set has {keypoints} keypoints")
    cfg.only("num_scales", len(sizes), why=f"heatmap_size has {len(sizes)} entries")
    joints = [*range(keypoints)]
    cfg.only("dataset_channel", [joints], why="all keypoints are trained and found here, in order")
    cfg.only("inference_channel", joints, why="all keypoints are trained and found here, in order")
    if cfg.take("scale_aware_sigma", False):
        cfg.report.training.append((f"{cfg.name('scale_aware_sigma')} = True",
                                    "Gaussians have one size here"))
    cfg.unused(("base_size", "base_sigma"), "read for sigmas that depend on the size of people",
               "data.*.data_cfg")
    for key, default in (("use_nms", False), ("soft_nms", True), ("oks_thr", 0.9)):
        value = cfg.take(key, default)
        if split != "train":
            said.say(key, cfg.name(key), value)
    cfg.close()


def _train_steps(steps: list[Section], said: Pipelines) -> list[dict[str, Any]]:
    """Return our transforms; what the other steps do is done anyway, or is a misfit."""
    transforms: list[dict[str, Any]] = []
    seen: list[str] = []
    for step in steps:
        kind = step.take("type")
        if kind == "MultitaskGatherTarget":
            step = _same_targets(step)
            kind = step.take("type")
        if kind in ("BottomUpRandomAffine", "BottomUpRandomFlip", "BottomUpGenerateTarget"):
            if kind in seen:
                step.misfit("type", "it stands there twice", kind)
            seen.append(kind)
        if kind == "BottomUpRandomAffine":
            said.say("use_udp", step.name("use_udp"), step.take("use_udp", False))
            transforms.append({
                "type": "RandomAffine", "scale": step.take("scale_factor"),
                "rotation": step.take("rot_factor"), "translation": step.take("trans_factor"),
                "scale_type": step.take("scale_type")})
        elif kind == "BottomUpRandomFlip":
            transforms.append({"type": "RandomFlip", "probability": step.take("flip_prob", 0.5)})
        elif kind == "BottomUpGenerateTarget":
            said.say("use_udp", step.name("use_udp"), step.take("use_udp", False))
            said.say("sigma", step.name("sigma"), step.take("sigma"))
            said.say("max_num_people", step.name("max_num_people"), step.take("max_num_people"))
        else:
            _common_step(step, kind)
        step.close()
    wanted = ["BottomUpRandomAffine", "BottomUpRandomFlip", "BottomUpGenerateTarget"]
    if seen != [kind for kind in wanted if kind in seen]:
        steps[0].report.training.append((steps[0].place.rpartition(".")[0], (
            f"the order is {', '.join(seen)}; MMPose mirrors people on the affine's maps, so that "
            "only affine, flip, target makes sense, which is what aepose does")))
    elif "BottomUpRandomAffine" not in seen:
        steps[0].report.training.append((steps[0].place.rpartition(".")[0], (
            "it has no BottomUpRandomAffine, which brings pictures to one size")))
    return transforms


def _same_targets(step: Section) -> Section:
    """Return the step that makes the targets of all outputs, which share them here."""
    step.take("keys", None)
    lists = step.take("pipeline_list")
    if len(lists) != 1 or len(lists[0]) != 1 or set(step.take("pipeline_indices", [0])) != {0}:
        step.misfit("pipeline_list", "all outputs of a size have the same targets here", lists)
    step.close()
    return Section(lists[0][0], f"{step.place}.pipeline_list.0.0", step.report, step.weight)


def _test_steps(steps: list[Section], split: str, said: Pipelines) -> None:
    kinds = []
    for step in steps:
        kind = step.take("type")
        kinds.append(kind)
        if kind == "BottomUpGetImgSize":
            said.say("use_udp", step.name("use_udp"), step.take("use_udp", False))
            said.say("scales", step.name("test_scale_factor"), step.several("test_scale_factor"))
            said.say("base_length", step.name("base_length"), step.take("base_length", 64))
            step.only("current_scale", 1, why="test scales are relative to the input size here")
        elif kind == "BottomUpResizeAlign":
            said.say("use_udp", step.name("use_udp"), step.take("use_udp", False))
            step.only("base_size", None, 256, why="MMPose reads it nowhere")
            for inner in step.sections("transforms"):
                _common_step(inner, inner.take("type"))
                inner.close()
        else:
            _common_step(step, kind)
        step.close()
    wanted = ["BottomUpGetImgSize", "BottomUpResizeAlign"]
    if [kind for kind in kinds if kind in wanted] != wanted:
        steps[0].report.problems.append((steps[0].place.rpartition(".")[0], (
            f"the steps are {', '.join(map(str, kinds))}; a test takes {' and '.join(wanted)} "
            "once, in this order")))


def _common_step(step: Section, kind: Any) -> None:
    """Check a step that does what is done here anyway."""
    if kind == "LoadImageFromFile":
        step.only("color_type", "color", why="pictures are read in colour here")
        step.only("channel_order", "rgb", why="networks see red, green, blue here")
        step.only("to_float32", False, True, why="pictures are read as bytes here")
        step.only("file_client_args", None, {"backend": "disk"}, why="pictures are files here")
    elif kind == "NormalizeTensor":
        step.only("mean", _MEAN, why="pictures are normalised by ImageNet's mean here")
        step.only("std", _STD, why="pictures are normalised by ImageNet's deviation here")
    elif kind == "Collect":
        step.unused(("keys", "meta_keys", "meta_name"), "networks and codec have what they need",
                    "data.*.pipeline.*")
    elif kind != "ToTensor":
        step.misfit("type", _NO_STEP, kind)
        for key in step.values:
            step.take(key)


def _convert_loader(data: Section, split: str) -> dict[str, Any]:
    """Return the options of a loader; those of a split's own come before common ones."""
    report, weight = data.report, "training" if split == "train" else "notes"
    values = Section({
        "samples_per_gpu": data.take("samples_per_gpu", 1) if split == "train" else 1,
        "workers_per_gpu": data.take("workers_per_gpu", 0),
        **data.section(f"{split}_dataloader").values,
    }, f"data.{split}_dataloader", report, weight)
    loader: dict[str, Any] = {"num_workers": values.take("workers_per_gpu")}
    size = values.take("samples_per_gpu")
    if size != 1 or split == "train":
        loader = {"batch_size": size, **loader}
    for key in ("drop_last", "persistent_workers", "pin_memory", "prefetch_factor"):
        if key in values:
            loader[key] = values.take(key)
    values.only("shuffle", split == "train", why="training shuffles here, and a test does not")
    values.close()
    return loader


def _convert_metric(data: Section, kind: str) -> dict[str, Any]:
    name = DATASETS[kind]
    metric = {"type": "CrowdPoseMetric" if name == "crowdpose" else "CocoMetric"}
    # Their people have no annotated area.
    return metric | ({"use_area": False} if name in ("aic", "mhp") else {})


def suppression(said: Pipelines, report: Report) -> dict[str, Any]:
    """Return options of the metric for what MMPose says in ``data_cfg``."""
    if not said.agreed("use_nms", False, report.problems):
        return {}
    soft = said.agreed("soft_nms", True, report.problems)
    threshold = said.agreed("oks_thr", 0.9, report.problems)
    return {"nms": "soft_oks" if soft else "oks"} | (
        {} if threshold == 0.9 else {"oks_threshold": threshold})


def multi_scales(kind: str) -> list[float]:
    """Return the scales at which models of a data set are published."""
    return list(datasets()[DATASETS[kind]].multi_scales)
