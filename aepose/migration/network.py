"""The network of an old config: backbone, head and losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aepose.errors import ConfigError, nearest
from aepose.migration.sections import Section, all_equal
from aepose.zoo.index import backbones, file_name

_BASIC, _BOTTLENECK = "BASIC", "BOTTLENECK"
_RESNET_CHANNELS, _MOBILENET_CHANNELS = 2048, 1280  # of the last features


def convert_network(model: Section, keypoints: int) -> dict[str, Any]:
    """Return what a config of ours has as ``model``; misfits go to the section's report."""
    model.only("type", "AssociativeEmbedding",
               why="aepose has bottom-up networks with Associative Embedding, no others")
    backbone, head = model.section("backbone"), model.section("keypoint_head")
    described, channels = _convert(_BACKBONES, backbone, keypoints)
    converted: dict[str, Any] = {"type": "AssociativeEmbedding"}
    weights = _pretrained(model, backbone)
    if weights:
        converted["pretrained"] = weights
    converted |= _training_options(backbone)
    converted["backbone"] = described
    converted["keypoint_head"] = _convert(_HEADS, head, keypoints, channels)
    backbone.close()
    head.close()
    train = model.section("train_cfg")
    train.unused(train.values, "MMPose reads it nowhere")
    model.unused(("loss_pose",), "the head has its own losses")
    return converted


def _convert(known: dict[str, Callable[..., Any]], part: Section, *given: Any) -> Any:
    kind = part.text("type")
    if kind not in known:
        raise ConfigError(f"{part.name('type')} = {kind!r}: aepose has no such part"
                          + nearest(str(kind), known) + "; write one of your own "
                          "(docs/extending.md) and a config that names it")
    return known[kind](part, *given)


def _pretrained(model: Section, backbone: Section) -> str | None:
    """Return our name of ImageNet weights, or the file or URL that is given."""
    source = model.take("pretrained", None)
    if source is not None:
        model.text("pretrained")
    started = backbone.take("init_cfg", None)
    if isinstance(started, dict) and started.get("type") == "Pretrained":
        source = backbone.section("init_cfg").text("checkpoint")
    elif started is not None:
        backbone.report.training.append(
            (backbone.name("init_cfg"), "aepose draws starting weights as published"))
    if source is None:
        return None
    known = backbones()
    if "://" not in source or source.startswith(("http://", "https://")):
        names = {file_name(url): name for name, url in known.items()}
        return names.get(file_name(source), source)
    name = source.partition("://")[2]
    if name not in known:
        model.report.training.append((f"{model.name('pretrained')} = {source!r}", (
            "only MMPose finds it there; give a file, a URL or one of " + ", ".join(known))))
        return None
    return name


def _training_options(backbone: Section) -> dict[str, Any]:
    """Return options of the network that stand with the backbone in old configs."""
    options: dict[str, Any] = {}
    if backbone.take("with_cp", False):
        options["activation_checkpointing"] = True
    stages = backbone.take("frozen_stages", -1)
    if type(stages) is not int or stages >= 0:
        backbone.report.training.append((f"{backbone.name('frozen_stages')} = {stages!r}",
                                         "write model.freeze, the names of what is not trained"))
    if backbone.take("norm_eval", False):
        backbone.report.training.append((f"{backbone.name('norm_eval')} = True", (
            "aepose keeps the statistics of BatchNorm only of what is frozen (model.freeze)")))
    norm = backbone.section("norm_cfg").values or {"type": "BN"}
    if norm.get("type") not in ("BN", "SyncBN") or norm.keys() - {"type", "requires_grad"}:
        backbone.misfit("norm_cfg", "networks here have BatchNorm as PyTorch makes it", norm)
    elif norm.get("requires_grad", True) is not True:
        backbone.report.training.append(
            (backbone.name("norm_cfg"), "write model.freeze, the names of what is not trained"))
    backbone.only("conv_cfg", None, why="convolutions here are PyTorch's own")
    backbone.only("in_channels", 3, why="pictures here have three channels")
    return options


def synced(model: dict[str, Any]) -> bool:
    """Return whether a network's BatchNorm is to be synchronised between processes."""
    return ((model.get("backbone") or {}).get("norm_cfg") or {}).get("type") == "SyncBN"


def _hrnet(backbone: Section, keypoints: int) -> tuple[dict[str, Any], int]:
    extra = backbone.section("extra")
    extra.only("upsample", None, why="branches are brought together as published")
    extra.only("multiscale_output", False, why="the head gets the first branch")
    first = extra.section("stage1")
    first.only("num_modules", 1, why="stage 1 has one module here")
    first.only("num_branches", 1, why="stage 1 has one branch here")
    first.only("block", _BOTTLENECK, why="stage 1 has bottlenecks here")
    blocks, channels = first.several("num_blocks")[0], first.several("num_channels")[0]
    first.only("num_blocks", [blocks], why="stage 1 has one branch here")
    first.only("num_channels", [channels], why="stage 1 has one branch here")
    stages = [extra.section(f"stage{number}") for number in (2, 3, 4)]
    width, depth = stages[0].several("num_channels")[0], stages[0].several("num_blocks")[0]
    for branches, stage in enumerate(stages, 2):
        stage.only("num_branches", branches, why=f"this stage has {branches} branches here")
        stage.only("block", _BASIC, why="stages 2 to 4 have basic blocks here")
        wanted = [width * 2**i for i in range(branches)]
        stage.only("num_channels", wanted, why=f"each branch has twice the channels of the one "
                   f"above here, {wanted}")
        stage.only("num_blocks", [depth] * branches,
                   why="all branches of all stages have the same number of blocks here")
    backbone.only("zero_init_residual", False, why="residual blocks start as published")
    described = {"type": "HRNet", "width": width} | _unlike({
        "num_modules": [1, 4, 3], "num_blocks": 4, "stage1_channels": 64, "stage1_blocks": 4,
    }, {"num_modules": [stage.take("num_modules") for stage in stages], "num_blocks": depth,
        "stage1_channels": channels, "stage1_blocks": blocks})
    for section in (extra, first, *stages):
        section.close()
    return described, width


def _resnet(backbone: Section, keypoints: int) -> tuple[dict[str, Any], int]:
    for key, value in (("stem_channels", 64), ("base_channels", 64), ("expansion", None),
                       ("num_stages", 4), ("strides", [1, 2, 2, 2]), ("dilations", [1, 1, 1, 1]),
                       ("style", "pytorch"), ("deep_stem", False), ("avg_down", False),
                       ("out_indices", [3])):
        backbone.only(key, value, why="ResNet is as published here")
    backbone.unused(("zero_init_residual",), "it counts without ImageNet's weights alone, and "
                    "those are drawn another way here")
    depth = backbone.take("depth")
    return {"type": "ResNet", "depth": depth}, _RESNET_CHANNELS


def _mobilenet(backbone: Section, keypoints: int) -> tuple[dict[str, Any], int]:
    backbone.only("out_indices", [7], why="the head gets the last features")
    backbone.only("act_cfg", {"type": "ReLU6"}, why="MobileNetV2 is as published here")
    width = backbone.take("widen_factor", 1.0)
    return ({"type": "MobileNetV2"} | _unlike({"width": 1.0}, {"width": width}),
            int(_MOBILENET_CHANNELS * max(1.0, width)))


def _hourglass(backbone: Section, keypoints: int) -> tuple[dict[str, Any], int]:
    channels = backbone.take("stage_channels", [256, 384, 512, 640, 768])
    backbone.only("downsample_times", len(channels) - 1,
                  why="an hourglass has a level for each of stage_channels here")
    out = backbone.take("out_channels", 34)
    described = {"type": "HourglassAENet", "num_stacks": backbone.take("num_stacks", 1)}
    described |= _tags(backbone, "out_channels", out, keypoints)
    described |= _unlike({"stage_channels": [256, 384, 512, 640, 768], "feat_channels": 256},
                         {"stage_channels": channels,
                          "feat_channels": backbone.take("feat_channels", 256)})
    return described, out


def _tags(part: Section, key: str, channels: Any, keypoints: int) -> dict[str, Any]:
    """Return the option that makes so many channels of heatmaps and tags."""
    if channels not in (2 * keypoints, keypoints + 1):
        part.misfit(key, f"{keypoints} heatmaps make {2 * keypoints} channels with a tag map for "
                    f"each, or {keypoints + 1} with one for all", channels)
    return {} if channels == 2 * keypoints else {"tag_per_joint": False}


def _simple_head(head: Section, keypoints: int, channels: int) -> dict[str, Any]:
    layers = head.whole("num_deconv_layers", 3)
    described: dict[str, Any] = {"type": "AESimpleHead"}
    described |= _unlike({"num_deconv_layers": 0, "deconv_channels": 256},
                         {"num_deconv_layers": layers,
                          "deconv_channels": _filters(head, layers, 256)})
    described |= _common(head, keypoints, channels)
    described["losses"], tags = _losses(head, keypoints, 1)
    if not head.several("with_ae_loss", tags)[0]:
        head.misfit("with_ae_loss", "the one output has tags here", [False])
    return described


def _higher_head(head: Section, keypoints: int, channels: int) -> dict[str, Any]:
    layers = head.whole("num_deconv_layers", 1)
    seen = head.several("cat_output")
    if not all_equal(seen):
        head.misfit("cat_output", "all or none of the transposed convolutions see the output "
                    "before them here", seen)
    described: dict[str, Any] = {"type": "AEHigherResolutionHead"} | _unlike(
        {"num_deconv_layers": 1, "num_deconv_filters": channels, "num_basic_blocks": 4,
         "cat_output": True},
        {"num_deconv_layers": layers, "num_deconv_filters": _filters(head, layers, channels),
         "num_basic_blocks": head.take("num_basic_blocks", 4), "cat_output": seen[0]})
    described |= _common(head, keypoints, channels)
    losses, trained = _losses(head, keypoints, 1 + layers)
    tags = [i for i, with_tags in enumerate(head.several("with_ae_loss", trained)) if with_tags]
    return described | _unlike({"tag_outputs": [0]}, {"tag_outputs": tags}) | {"losses": losses}


def _multi_stage_head(head: Section, keypoints: int, channels: int) -> dict[str, Any]:
    stages = head.whole("num_stages", 1)
    head.only("num_deconv_layers", 0, why="the stages of the backbone are the outputs here")
    head.unused(("num_deconv_filters", "num_deconv_kernels"), "there are no such layers")
    extra = head.section("extra")
    extra.only("final_conv_kernel", 0, why="the stages of the backbone are the outputs here")
    extra.close()
    head.only("in_channels", channels, why=f"the backbone gives {channels}")
    out = head.take("out_channels")
    losses, _ = _losses(head, keypoints, stages)
    return {"type": "AEMultiStageHead", **_tags(head, "out_channels", out, keypoints),
            "losses": losses}


def _common(head: Section, keypoints: int, channels: int) -> dict[str, Any]:
    head.only("num_joints", keypoints, why=f"the data set has {keypoints} keypoints")
    head.only("in_channels", channels, why=f"the backbone gives {channels}")
    extra = head.section("extra")
    kernel = extra.take("final_conv_kernel", 1)
    if kernel not in (1, 3):
        extra.misfit("final_conv_kernel", "give 1 or 3", kernel)
    extra.close()
    return _unlike({"tag_per_joint": True, "final_kernel": 1},
                   {"tag_per_joint": head.take("tag_per_joint", True), "final_kernel": kernel})


def _filters(head: Section, layers: int, default: int) -> int:
    """Return the channels of transposed convolutions, which all have the same here."""
    filters = head.several("num_deconv_filters", [default] * max(layers, 1))[:layers] or [default]
    kernels = head.several("num_deconv_kernels", [4] * layers)[:layers] or [4]
    if not all_equal(filters):
        head.misfit("num_deconv_filters", "all have the same number here", filters)
    if set(kernels) != {4}:
        head.misfit("num_deconv_kernels", "transposed convolutions have kernels of 4 here", kernels)
    return filters[0]


def _losses(head: Section, keypoints: int, outputs: int) -> tuple[list[dict], list[bool]]:
    """Return a loss for each output, and which of them have tags that are trained."""
    losses = head.section("loss_keypoint", "training")
    losses.only("type", "MultiLossFactory", why="give each output its loss (docs/extending.md)")
    losses.only("num_joints", keypoints, why=f"the data set has {keypoints} keypoints")
    losses.only("num_stages", outputs, why=f"the head has {outputs} output(s)")
    kind, empty = losses.take("ae_loss_type", "exp"), losses.take("supervise_empty", True)
    values = {name: losses.several(name, [default] * outputs) for name, default in (
        ("heatmaps_loss_factor", 1.0), ("push_loss_factor", 0.001), ("pull_loss_factor", 0.001),
        ("with_heatmaps_loss", True), ("with_ae_loss", True))}
    losses.close()
    for name, each in values.items():
        if len(each) != outputs:
            raise ConfigError(f"{losses.name(name)} = {each!r}: the head has {outputs} output(s), "
                              "each of which needs a value")
    result = []
    for heatmap, push, pull, with_heatmaps, with_tags in zip(*values.values(), strict=True):
        result.append({"type": "PoseLoss", "heatmap": heatmap if with_heatmaps else None,
                       "push": push if with_tags else None, "pull": pull if with_tags else None}
                      | _unlike({"push_type": "exp", "supervise_empty": True},
                                {"push_type": kind, "supervise_empty": empty}))
    return result, values["with_ae_loss"]


def _unlike(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that are not the defaults, which a config need not say."""
    return {key: value for key, value in values.items() if value != defaults[key]}


_BACKBONES = {"HRNet": _hrnet, "ResNet": _resnet, "MobileNetV2": _mobilenet,
              "HourglassAENet": _hourglass}
_HEADS = {"AESimpleHead": _simple_head, "AEHigherResolutionHead": _higher_head,
          "AEMultiStageHead": _multi_stage_head}
