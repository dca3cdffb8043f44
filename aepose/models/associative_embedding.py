"""The detector: backbone, head, aggregation, decoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from mmengine.model import BaseModel
from torch import nn

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.aggregation import flip_back, join_scales
from aepose.errors import ConfigError, NumericalError
from aepose.malloc import give_back_freed_memory
from aepose.models.activation_checkpointing import checkpoint_activations
from aepose.models.data_preprocessor import PosePreprocessor
from aepose.models.fuse import CONVOLUTIONS, fuse_conv_bn
from aepose.precision import at_least_float32, autocast_type, full_float32
from aepose.registry import MODELS, build
from aepose.stage_clock import stage
from aepose.structures import EvalItem, EvalSettings, HeadOutput, MapTargets, PoseResult

# Pixels of a test batch from which its feature maps take more memory than the network.
_LARGE = 2**20


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
        :func:`~aepose.models.activation_checkpointing.checkpoint_activations`
    compile: train with the backbone and head compiled by ``torch.compile``; the first step of each
        batch size takes minutes
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
    ) -> None:
        super().__init__(data_preprocessor=PosePreprocessor())
        if activation_checkpointing and compile:
            raise ConfigError("model.activation_checkpointing and model.compile: choose one; a "
                              "compiled network decides for itself what it computes again")
        self.codec = codec
        self.test_time = test_time
        self.pretrained = pretrained
        self.backbone = build(MODELS, backbone, "model.backbone", metainfo=codec.metainfo)
        self.keypoint_head = build(
            MODELS, keypoint_head, "model.keypoint_head",
            metainfo=codec.metainfo, in_channels=self.backbone.out_channels,
        )
        self.test_outputs = self.keypoint_head.choose_outputs(test_time.outputs)
        self._train_dtype = autocast_type(backbone_dtype, "model.backbone_dtype")
        self._test_dtype = autocast_type(test_time.dtype, "test_time.dtype")
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        if channels_last:
            self.to(memory_format=self.memory_format)
        if activation_checkpointing:
            checkpoint_activations(self)
        self._training_maps = torch.compile(self.maps) if compile else self.maps
        self.register_buffer(
            "flip_index", torch.from_numpy(codec.metainfo.flip_index), persistent=False
        )

    def prepare_for_test(self) -> AssociativeEmbedding:
        """Make the network faster, for tests alone, unless ``test_time.faster`` is off; return it.

        BatchNorms become part of convolutions, see :func:`~aepose.models.fuse.fuse_conv_bn`, the
        channels of a pixel lie together in memory, and weights that autocast would convert again
        and again are converted once. Maps change by rounding. Load weights before: the state dict
        has other entries then.
        """
        self.eval()
        if not self.test_time.faster:
            return self
        fuse_conv_bn(self)
        if self._test_dtype is not None:
            in_float32 = getattr(self.backbone, "float32_layers", nn.ModuleList())
            for part in set(self.backbone.modules()) - set(in_float32.modules()):
                if isinstance(part, CONVOLUTIONS):
                    part.to(self._test_dtype)
        self.memory_format = torch.channels_last
        return self.to(memory_format=self.memory_format)

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) normalised pictures -> the head's raw maps, lowest resolution first.

        The maps are float32, or float64 where the network is. In training mode the backbone runs in
        ``backbone_dtype``, else in ``test_time.dtype``.
        """
        device, dtype = images.device.type, self._train_dtype if self.training else self._test_dtype
        tidy = device == "cpu" and not torch.is_grad_enabled() and images[:, 0].numel() >= _LARGE
        if tidy:
            give_back_freed_memory()
        if self.memory_format == torch.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, dtype, enabled=dtype is not None):
            features = [at_least_float32(f) for f in self.backbone(images)]
        del images  # as large as a feature map
        if tidy:
            give_back_freed_memory()
        # Also if a caller's own autocast is on.
        with torch.autocast(device, enabled=False):
            return self.keypoint_head(features)

    def forward(
        self,
        images: Any,
        targets: Sequence[MapTargets] | None = None,
        items: Sequence[EvalItem] | None = None,
        mode: Literal["tensor", "loss", "predict"] = "tensor",
    ) -> Any:
        """Run one of three modes, as the engine asks.

        'tensor': raw maps; 'loss': dict of scalar losses; 'predict': one PoseResult per item.
        """
        if mode == "loss":
            return self.keypoint_head.loss(self._training_maps(images), targets)
        if mode == "predict":
            return [self.decode(*maps) for maps in self.joined_maps(images, items)]
        return self.maps(images)

    def joined_maps(
        self, images: Sequence[torch.Tensor], items: Sequence[EvalItem]
    ) -> list[tuple[torch.Tensor, torch.Tensor, EvalItem]]:
        """Return what :meth:`decode` takes for each picture of a batch.

        images: one (N, 3, H, W) uint8 tensor per test scale
        """
        heatmaps, tags = self.aggregate(images, items[0])
        return list(zip(heatmaps, tags, items, strict=True))

    def decode(self, heatmaps: torch.Tensor, tags: torch.Tensor, item: EvalItem) -> PoseResult:
        """Find the people of one picture in its joined maps (K, H, W) and (K or 1, H, W, L).

        Raises NumericalError that names the picture if the maps are not finite.
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
        """Return heatmaps (N, K, H, W) and tags (N, K, H, W, L) joined over flip and scales.

        images: one (N, 3, H, W) uint8 tensor per test scale
        item: one of the N pictures, whose sizes are those of all
        """
        size = item.base_size if self.test_time.project2image else None
        tag_scale = 1 if len(item.scales) > 1 else item.scales[0]
        passes = (self._flip_passes(image, scale == tag_scale)
                  for image, scale in zip(images, item.scales, strict=True))
        with stage("aggregate"):
            return join_scales(item.scales, passes, size, self.test_time.align_corners)

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
        if with_tags:
            return outputs
        # A copy of heatmaps lets go of the tags beside them.
        return [HeadOutput(o.heatmaps if o.tags is None or o.heatmaps is None
                           else o.heatmaps.clone(), None) for o in outputs]

    def _test_input(self, image: torch.Tensor, mirror: bool) -> torch.Tensor:
        image = image.contiguous(memory_format=self.memory_format)
        image = self.data_preprocessor.normalise(image)
        return image.flip(3) if mirror else image
