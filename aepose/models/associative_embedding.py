"""The detector: backbone, head, aggregation, decoding."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal

import torch
from mmengine.model import BaseModel
from torch import nn

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.aggregation import aggregate, flip_back, to_last_size
from aepose.errors import ConfigError, NumericalError, warn_once
from aepose.models.activation_checkpointing import checkpoint_activations
from aepose.models.backbones import Backbone
from aepose.models.data_preprocessor import PosePreprocessor
from aepose.models.freeze import freeze as freeze_parts
from aepose.models.fuse import CONVOLUTIONS, fuse_conv_bn
from aepose.models.heads import AEHead
from aepose.models.specs import KeypointAxis
from aepose.precision import at_least_float32, autocast_type, full_float32
from aepose.registry import MODELS, build
from aepose.results import PoseResult
from aepose.stage_clock import stage
from aepose.structures import EvalItem, EvalSettings, HeadOutput, MapTargets


@MODELS.register_module()
class AssociativeEmbedding(BaseModel):
    """A bottom-up pose network: every keypoint of every person in one pass, grouped by tags.

    backbone, keypoint_head: configs; codec and test_time come from the same experiment
    backbone_dtype: 'bfloat16' or 'float16' trains the backbone under autocast; head and losses
        stay in float32, where squared tag distances do not overflow. In which type the network is
        tested, ``test_time.dtype`` says
    channels_last: keep the channels of a pixel together in memory, where convolutions are faster
    pretrained: what the backbone starts from; only noted here, and loaded when a training starts,
        so that building a network for its own checkpoint needs no other file
    activation_checkpointing: train with less memory and more time, see
        :func:`~aepose.models.activation_checkpointing.checkpoint_activations`; networks of timm
        cannot
    freeze: names of parts that are not trained, see :func:`~aepose.models.freeze.freeze`
    compile: train with the backbone and head compiled by ``torch.compile``; the first step of each
        batch size takes minutes

    Raises ConfigError for parts that do not fit each other, the codec or ``test_time``.
    """

    def __init__(
        self,
        backbone: dict,
        keypoint_head: dict,
        codec: AssociativeEmbeddingCodec,
        test_time: EvalSettings,
        backbone_dtype: Literal["bfloat16", "float16"] | None = None,
        channels_last: bool = True,
        pretrained: str | None = None,
        activation_checkpointing: bool = False,
        compile: bool = False,
        freeze: Sequence[str] = (),
    ) -> None:
        super().__init__(data_preprocessor=PosePreprocessor())
        if activation_checkpointing and compile:
            raise ConfigError("model.activation_checkpointing and model.compile: choose one; a "
                              "compiled network decides for itself what it computes again")
        self.codec = codec
        self.test_time = test_time
        self.pretrained = pretrained
        self.backbone = _build(Backbone, backbone, "model.backbone", metainfo=codec.metainfo)
        self.keypoint_head = _build(
            AEHead, keypoint_head, "model.keypoint_head",
            metainfo=codec.metainfo, in_features=self.backbone.out_features,
        )
        if pretrained and self.backbone.pretrained:
            raise ConfigError(f"model.pretrained = {pretrained!r} and model.backbone.pretrained: "
                              "give one of them")
        self._check_sizes()
        self.test_outputs = self.keypoint_head.choose_outputs(test_time.outputs)
        self._train_dtype = autocast_type(backbone_dtype, "model.backbone_dtype")
        self._test_dtype = autocast_type(test_time.dtype, "test_time.dtype")
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        if channels_last:
            self.to(memory_format=self.memory_format)
        if activation_checkpointing:
            self._checkpoint_activations()
        self._frozen = freeze_parts(self, freeze)
        self._training_maps = torch.compile(self.maps) if compile else self.maps
        self.register_buffer(
            "flip_index", torch.from_numpy(codec.metainfo.flip_index), persistent=False
        )

    def keypoint_axes(self) -> dict[str, KeypointAxis]:
        """Return which weights have channels of keypoints, by their names in the state dict."""
        return {f"{part}.{name}": axis for part in ("backbone", "keypoint_head")
                for name, axis in getattr(self, part).keypoint_axes().items()}

    def _check_sizes(self) -> None:
        """Raise ConfigError unless the codec has the network's strides and suits its input."""
        strides = sorted({output.stride for output in self.keypoint_head.outputs}, reverse=True)
        if strides != list(self.codec.map_strides):
            raise ConfigError(f"codec.map_strides = {list(self.codec.map_strides)}, but the "
                              f"outputs of {type(self.keypoint_head).__name__} on "
                              f"{type(self.backbone).__name__} have the strides {strides}; set "
                              f"codec.map_strides={strides}")
        needed, multiple = self.backbone.size_multiple, self.codec.size_multiple
        if multiple % needed:
            raise ConfigError(f"codec.size_multiple = {multiple}, but the sides of the input of "
                              f"{type(self.backbone).__name__} must be multiples of {needed}; set "
                              f"codec.size_multiple={needed}")

    def _checkpoint_activations(self) -> None:
        """Raise ConfigError for a backbone that cannot, and would take as much memory as ever."""
        if not checkpoint_activations(self.backbone):
            raise ConfigError(f"model.activation_checkpointing: {type(self.backbone).__name__} has "
                              "no blocks that can compute their activations again; leave it off")
        checkpoint_activations(self.keypoint_head)

    def train(self, mode: bool = True) -> AssociativeEmbedding:
        """Set training or evaluation mode; frozen parts stay in the latter."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def init_weights(self) -> None:
        """Do nothing when the engine asks: weights were drawn when the network was built."""

    def prepare_for_test(self) -> AssociativeEmbedding:
        """Return a second network for tests, made faster unless ``test_time.faster`` is off.

        Scales, which a training alone reads, are left out in any case. Faster: BatchNorms become
        part of convolutions, see :func:`~aepose.models.fuse.fuse_conv_bn`, the channels of a pixel
        lie together in memory, and weights that autocast would convert again and again are
        converted once. Maps change by rounding. Weights that do not change are shared
        with this network, which stays as it is; so load weights, and move to a device, before.
        """
        network = self._sharing_copy().eval()
        network.keypoint_head.leave_out_scales()
        if not self.test_time.faster:
            return network
        side = self.backbone.size_multiple
        fuse_conv_bn(network, next(self.parameters()).new_zeros(1, 3, side, side))
        if self._test_dtype is not None:
            for part in set(network.backbone.modules()) - set(
                    network.backbone.float32_layers.modules()):
                if isinstance(part, CONVOLUTIONS):
                    part.to(self._test_dtype)
        network.memory_format = torch.channels_last
        return network.to(memory_format=network.memory_format)

    def _sharing_copy(self) -> AssociativeEmbedding:
        """Return a copy whose parameters and buffers are others, in the same memory."""
        # One Parameter in two networks would not do: Module.to() changes parameters in place.
        memo: dict[int, Any] = {id(shared): shared for shared in (self.codec, self.test_time)}
        for parameter in self.parameters():
            memo[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False)
        for buffer in self.buffers():
            memo[id(buffer)] = buffer.detach()
        network = copy.deepcopy(self, memo)
        network._training_maps = network.maps  # a compiled one is not copied
        return network

    @property
    def fully_trained(self) -> bool:
        """Whether a loss trains every part of every output."""
        every = range(len(self.keypoint_head.outputs))
        return not any(self.keypoint_head.untrained(every))

    def warn_of_untrained_outputs(self) -> None:
        """Warn, once, of what a test uses although no loss trains it."""
        for part in self.keypoint_head.untrained(self.test_outputs, in_test=True):
            warn_once(f"a test uses {part}, which no loss of model.keypoint_head.losses trains; "
                      "choose others by test_time.outputs, or train them")

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) normalised images -> the head's raw maps, lowest resolution first.

        The maps are float32, or float64 where the network is. In training mode the backbone runs in
        ``backbone_dtype``, else in ``test_time.dtype``.
        """
        device, dtype = images.device.type, self._train_dtype if self.training else self._test_dtype
        if self.memory_format == torch.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, dtype, enabled=dtype is not None):
            features = [at_least_float32(f) for f in self.backbone(images)]
        del images  # as large as a feature map
        # Also if a caller's own autocast is on.
        with torch.autocast(device, enabled=False):
            return self.keypoint_head(features)

    def forward(
        self,
        images: torch.Tensor,
        targets: Sequence[MapTargets] | None = None,
        mode: Literal["tensor", "loss"] = "tensor",
    ) -> Any:
        """Run in one of two modes, as the engine asks.

        'tensor': raw maps; 'loss': dict of scalar losses. People in test images are found by
        :func:`~aepose.models.pipeline.find_people`.
        """
        if mode == "loss":
            return self.keypoint_head.loss(self._training_maps(images), targets)
        return self.maps(images)

    def decode(self, heatmaps: torch.Tensor, tags: torch.Tensor, item: EvalItem) -> PoseResult:
        """Find the people of one image in its aggregated maps (K, H, W) and (K or 1, H, W, L).

        Raises NumericalError that names the image if the maps are not finite.
        """
        try:
            return self.codec.decode(heatmaps.float(), tags.float(), item)
        except ValueError:
            if heatmaps.isfinite().all() and tags.isfinite().all():
                raise
            raise NumericalError(
                f"picture {item.image_path}: the network's maps are not finite numbers; its "
                "weights are broken, or float16 overflowed (test_time.dtype)"
            ) from None

    def aggregate(
        self, images: Sequence[torch.Tensor], item: EvalItem
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return heatmaps (N, K, H, W) and tags (N, K, H, W, L) aggregated over flip and scales.

        images: one (N, 3, H, W) uint8 tensor per test scale
        item: one of the N images, whose sizes are those of all
        """
        size = item.base_size if self.test_time.project2image else None
        tag_scale = 1 if len(item.scales) > 1 else item.scales[0]
        passes = (self._flip_passes(image, scale == tag_scale)
                  for image, scale in zip(images, item.scales, strict=True))
        with stage("aggregate"):
            return aggregate(item.scales, passes, size, self.test_time.align_corners)

    def _flip_passes(self, image: torch.Tensor, with_tags: bool) -> list[list[HeadOutput]]:
        """Used outputs of pictures and, with flip test, of their mirror images, flipped back."""
        passes = [self._test_outputs(image, with_tags)]
        if self.test_time.flip:
            mirrored = self._test_outputs(image, with_tags, mirror=True)
            passes.append([flip_back(output, self.flip_index) for output in mirrored])
        return passes

    def _test_outputs(
        self, image: torch.Tensor, with_tags: bool, mirror: bool = False
    ) -> list[HeadOutput]:
        with stage("network"), full_float32():
            # No variable keeps what goes in.
            outputs = self.keypoint_head.split(self.maps(self._test_input(image, mirror)))
        outputs = [outputs[index] for index in self.test_outputs]
        if self.test_time.outputs_first:
            outputs = to_last_size(outputs, self.test_time.align_corners)
        if with_tags:
            return outputs
        # A copy of heatmaps lets go of the tags beside them.
        return [HeadOutput(o.heatmaps if o.tags is None or o.heatmaps is None
                           else o.heatmaps.clone(), None) for o in outputs]

    def _test_input(self, image: torch.Tensor, mirror: bool) -> torch.Tensor:
        image = image.contiguous(memory_format=self.memory_format)
        image = self.data_preprocessor.normalise(image)
        return image.flip(3) if mirror else image


def _build(base: type[nn.Module], cfg: dict, key: str, **context: Any) -> Any:
    """Build a part of the network that has to be of some kind."""
    part = build(MODELS, cfg, key, **context)
    if not isinstance(part, base):
        raise ConfigError(f"{key}.type = {cfg['type']!r}: {type(part).__name__} is not derived "
                          f"from aepose.models.{base.__name__}, as this part of a network must be")
    return part
