"""Any network of timm that gives feature maps, and a neck that joins them at 1/4 of the input.

timm is an extra, which is asked for when such a network is built, not before.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import nn

from aepose.errors import ConfigError, nearest
from aepose.models.backbones.base import Backbone
from aepose.models.backbones.blocks import ConvBN, deconv_bn
from aepose.models.data_preprocessor import IMAGENET_MEAN, IMAGENET_STD
from aepose.models.initialization import init_normal
from aepose.models.specs import FeatureSpec
from aepose.ranges import Count
from aepose.registry import MODELS
from aepose.results.formats import needed

_STRIDE = 4  # of what the neck gives
_KEY = "model.backbone"


class Neck(nn.Module):
    """Join feature maps from the coarsest to the finest, as a feature pyramid does.

    Lin, Dollár, Girshick, He, Hariharan, Belongie: Feature Pyramid Networks for Object Detection
    (CVPR 2017). A 1x1 convolution brings each map to ``channels``. From the coarsest on, a
    transposed convolution doubles the size, and the map of that size, if there is one, is added;
    at stride 4 a 3x3 convolution ends it. Behind each convolution is a BatchNorm.

    features: of strides 4 * 2^n; those of one stride are added up

    [(N, C, H / stride, W / stride), ...] -> (N, channels, H / 4, W / 4)
    """

    def __init__(self, features: Sequence[FeatureSpec], channels: int) -> None:
        super().__init__()
        self.strides = [feature.stride for feature in features]
        self.laterals = nn.ModuleList(
            ConvBN(feature.channels, channels, 1, activation=None) for feature in features)
        doublings = (max(self.strides) // _STRIDE).bit_length() - 1
        self.upsamplings = nn.ModuleList(
            nn.Sequential(*deconv_bn(channels, channels)) for _ in range(doublings))
        self.last = ConvBN(channels, channels, 3)
        init_normal(self)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the one map."""
        sums: dict[int, torch.Tensor] = {}
        for stride, lateral, features in zip(self.strides, self.laterals, maps, strict=True):
            x = lateral(features)
            sums[stride] = sums[stride] + x if stride in sums else x
        stride = max(self.strides)
        x = sums[stride]
        for upsampling in self.upsamplings:
            x, stride = upsampling(x), stride // 2
            if stride in sums:
                x = x + sums[stride]
        return self.last(x)


@MODELS.register_module()
class Timm(Backbone):
    """A network of timm without its classifier, and a :class:`Neck` behind its feature maps.

    name: as timm has it, with the tag of its weights or without, such as
        'hgnetv2_b4.ssld_stage2_ft_in1k'
    pretrained: let a training start from the weights that timm names; only noted here, see
        :mod:`aepose.weights.timm_weights`. For a file of one's own there is ``model.pretrained``
    neck_channels: of the map that heads are given
    options: more arguments of the network, such as ``dict(drop_path_rate=0.1)``, or for a ViT
        ``dict(dynamic_img_size=True)``, with which it takes pictures of any size

    Its maps of stride 4 and more are used. Weights start as timm draws them. Pictures come
    normalised by ImageNet's mean and deviation, and are changed to the network's own if it has
    others.

    (N, 3, H, W) normalised images -> [(N, neck_channels, H/4, W/4)]; H and W are multiples of the
    network's greatest stride.

    Raises ConfigError if timm is not installed, has no network or no weights of this name (naming
    the nearest), if the network gives no feature maps or at strides that the neck cannot take, and
    if it does not take pictures of any size.
    """

    def __init__(
        self,
        name: str,
        pretrained: bool = False,
        neck_channels: Count = 128,
        options: dict | None = None,
    ) -> None:
        super().__init__()
        self.name, self.pretrained, self.options = name, pretrained, dict(options or {})
        self.weights_config = _known(name, pretrained)
        _check_options(self.options)
        self.network = self.create(features_only=True)
        info = self.network.feature_info
        described = list(map(FeatureSpec, info.channels(), info.reduction()))
        self._used = [i for i, feature in enumerate(described) if feature.stride >= _STRIDE]
        used = [described[i] for i in self._used]
        strides = [feature.stride for feature in described]
        if not used or any(f.stride & (f.stride - 1) for f in used):
            raise ConfigError(f"{_KEY}.name = {name!r}: its feature maps have the strides "
                              f"{strides}, and the neck takes 4, 8, 16, … alone; choose another "
                              "network")
        self.size_multiple = max(strides)
        self._channels_behind = self._check_maps(described)
        self.neck = Neck(used, neck_channels)
        self.out_features = (FeatureSpec(neck_channels, _STRIDE),)
        mean, std = (tuple(self.weights_config[key]) for key in ("mean", "std"))
        self._other_normalisation = (mean, std) != (IMAGENET_MEAN, IMAGENET_STD)
        for part, values in (
                ("factor", [ours / own for ours, own in zip(IMAGENET_STD, std, strict=True)]),
                ("summand", [(ours - own) / deviation for ours, own, deviation
                             in zip(IMAGENET_MEAN, mean, std, strict=True)])):
            self.register_buffer(part, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def create(self, **arguments: Any) -> nn.Module:
        """Return the network as timm makes it; ``arguments`` as ``timm.create_model`` takes them.

        Raises ConfigError if timm does not.
        """
        try:
            return _timm().create_model(self.name, **arguments, **self.options)
        except (RuntimeError, TypeError, ValueError, AttributeError, AssertionError, KeyError,
                IndexError) as error:  # entry points are everybody's code
            raise ConfigError(f"{_KEY}: timm makes no feature maps by {self.name!r} with "
                              f"options = {self.options}: {error or type(error).__name__}"
                              ) from None

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the neck's map, in a list of one."""
        if self._other_normalisation:
            images = images * self.factor + self.summand
        maps = self.network(images)
        maps = [maps[index] for index in self._used]
        if self._channels_behind:
            maps = [m.permute(0, 3, 1, 2) for m in maps]
        return [self.neck(maps)]

    def _check_maps(self, features: Sequence[FeatureSpec]) -> bool:
        """Try whether the network gives what it declares; return whether channels come last."""
        height, width = self.size_multiple, 2 * self.size_multiple
        where = f"{_KEY}.name = {self.name!r}"
        try:
            with torch.no_grad():
                maps = self.network.eval()(torch.zeros(1, 3, height, width))
        except (RuntimeError, AssertionError, ValueError) as error:
            raise ConfigError(f"{where} cannot take a picture of {width}x{height}, and so not of "
                              f"any size ({error}); some can with {_KEY}.options="
                              "dict(dynamic_img_size=True) or dict(strict_img_size=False)"
                              ) from None
        self.network.train()
        found = [tuple(m.shape[1:]) for m in maps]
        expected = [(f.channels, height // f.stride, width // f.stride) for f in features]
        if found == [(h, w, c) for c, h, w in expected]:
            return True
        if found != expected:
            raise ConfigError(f"{where} gives maps of {found} of a picture of {width}x{height}, "
                              f"and not of {expected} as it declares; choose another network")
        return False


def _timm() -> ModuleType:
    return needed("timm", f"{_KEY} = dict(type='Timm')", "timm>=1.0")


def _known(name: str, pretrained: bool) -> dict[str, Any]:
    """Return what timm says of a network's weights; raises ConfigError for an unknown name."""
    timm = _timm()
    architecture, _, tag = name.partition(".")
    where = f"{_KEY}.name = {name!r}"
    if not timm.is_model(architecture):
        raise ConfigError(f"{where}: timm has no such network"
                          + nearest(architecture, timm.list_models()))
    tags = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in tags:
        raise ConfigError(f"{where}: timm has no weights of this name" + nearest(name, tags))
    if pretrained and not timm.is_model_pretrained(name):
        raise ConfigError(f"{where}: timm has no weights of it; set {_KEY}.pretrained=False, or "
                          "choose another network")
    return (timm.get_pretrained_cfg(name) or timm.models.PretrainedCfg()).to_dict()


def _check_options(options: dict[str, Any]) -> None:
    """Refuse what is not the network's: where weights come from is not said here."""
    others = {*inspect.signature(_timm().create_model).parameters, "features_only"} - {"kwargs"}
    for option in options:
        if option in others:
            raise ConfigError(f"{_KEY}.options.{option}: give arguments of the network alone; "
                              f"weights are named by {_KEY}.pretrained or model.pretrained")
