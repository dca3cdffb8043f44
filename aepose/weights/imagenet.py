"""Load ImageNet weights into a backbone, from the file's names to ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from aepose.errors import CheckpointError
from aepose.models.backbones.mobilenet_v2 import MobileNetV2
from aepose.models.backbones.timm import Timm
from aepose.weights.checkpoint import Misfits, check_values
from aepose.weights.timm_weights import load_timm

# What only classifies pictures: heads of torchvision, of other libraries, and HRNet's, which also
# has layers of its own between the branches and the classifier.
_CLASSIFIER = re.compile(
    r"(fc|classifier|head|incre_modules|downsamp_modules|final_layer)\."
)
_HRNET_LAST_FUSION = re.compile(r"stage4\.(\d+)\.fuse_layers\.(\d+)\.")
_COUNTER = ".num_batches_tracked"


def convert_backbone_state(
    backbone_type: str, state: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the weights of a file of ImageNet weights under our backbone's own names.

    backbone_type: the class name, such as 'HRNet'. Taken as they are: torchvision's ResNet, HRNet
    in the names of its authors, and files whose names are ours already; torchvision's MobileNetV2
    is renamed. Of a file with a ``backbone.`` only that is kept; classifiers are dropped, and so
    are the fusions of HRNet's last module towards branches that nothing reads in a pose network.
    """
    prefix = "backbone."
    if any(key.startswith(prefix) for key in state):
        state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    converted = {k: v for k, v in state.items() if not _CLASSIFIER.match(k)}
    if backbone_type == "MobileNetV2" and any(k.startswith("features.") for k in converted):
        names = _torchvision_mobilenet({k.rpartition(".")[0] for k in converted})
        parts = ((k.rpartition("."), v) for k, v in converted.items())
        converted = {f"{names.get(module, module)}.{leaf}": v for (module, _, leaf), v in parts}
    if backbone_type == "HRNet":
        unused = _unused_fusions(converted)
        converted = {k: v for k, v in converted.items() if k not in unused}
    return converted


def load_backbone(
    backbone: nn.Module, state: Mapping[str, torch.Tensor], source: str | Path
) -> None:
    """Load a file of ImageNet weights, see :func:`convert_backbone_state`, into a backbone.

    A network of timm has a way of its own, see :func:`~aepose.weights.timm_weights.load_timm`.

    source: the name of the file, for messages. BatchNorm's counters of batches, which old files
    lack, stay at zero: they have no effect. Raises CheckpointError that lists at most ten each of
    missing, unexpected and wrongly shaped entries, and for numbers of another kind than the
    backbone's; it is then unchanged.
    """
    if isinstance(backbone, Timm):
        load_timm(backbone, state, source)
        return
    own = backbone.state_dict()
    counters = {k: v for k, v in own.items() if k.endswith(_COUNTER)}
    weights = {**counters, **convert_backbone_state(type(backbone).__name__, state)}
    misfits = Misfits.between(own, weights, "file").lines()
    if misfits:
        title = (f"the weights in {source} do not fit the backbone {type(backbone).__name__} of "
                 "this config; set model.pretrained to weights of the same architecture and size")
        raise CheckpointError("\n".join([title, *misfits]))
    check_values(own, weights, source)
    backbone.load_state_dict(weights, strict=True)


def _torchvision_mobilenet(modules: Iterable[str]) -> dict[str, str]:
    """Names of torchvision's MobileNetV2 modules, whose numbers tell their order -> ours."""
    with torch.device("meta"):
        ours = dict.fromkeys(key.rpartition(".")[0] for key in MobileNetV2().state_dict())
    theirs = sorted(modules, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])
    # With a module too many or too few, entries are left that fit nowhere.
    return dict(zip(theirs, ours, strict=False))


def _unused_fusions(keys: Iterable[str]) -> set[str]:
    """Keys of HRNet's last module that fuse towards any but its first branch."""
    found = [(m, k) for k in keys if (m := _HRNET_LAST_FUSION.match(k))]
    last = max((int(m[1]) for m, _ in found), default=0)
    return {k for m, k in found if int(m[1]) == last and int(m[2]) > 0}
