"""The test of a network as one graph: pictures in, maps to decode out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from aepose.codecs.aggregation import flip_back, heatmap_parts, mean, only_tags, to_last_size
from aepose.models import AssociativeEmbedding
from aepose.structures import HeadOutput


class MapsGraph(nn.Module):
    """What :meth:`AssociativeEmbedding.aggregate` computes at one scale, in plain operations.

    model: made for tests (:meth:`AssociativeEmbedding.prepare_for_test`); its ``test_time`` says
        whether the mirrored picture goes through the network, too, and what size maps have
    """

    def __init__(self, model: AssociativeEmbedding) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, image: torch.Tensor, size: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return heatmaps (N, K, H', W') and tags (N, L, K or 1, H', W'), float32.

        image: (N, H, W, 3) uint8 RGB
        size: (2,) int64, (H', W'); None: that of the picture or, without ``project2image``, of the
            network's last output
        """
        settings = self.model.test_time
        if size is not None:
            height, width = size.tolist()
            wanted = width, height
        else:
            wanted = (image.shape[2], image.shape[1]) if settings.project2image else None
        passes = self._passes(image)
        parts = list(heatmap_parts(passes, settings.project2image, settings.align_corners))
        if wanted is None:
            wanted = parts[0].shape[3], parts[0].shape[2]
        heatmaps = mean([self._resized(part, wanted) for part in parts])
        tags = torch.cat([only_tags(outputs) for outputs in passes], dim=1)
        enlarged = self._resized(tags, wanted)  # all at once, into the place where they stay
        return heatmaps, enlarged.unflatten(1, (len(passes), tags.shape[1] // len(passes)))

    def _resized(self, maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        # In a graph, whether there is anything to do cannot depend on the size asked for.
        return F.interpolate(maps, size=(size[1], size[0]), mode="bilinear",
                             align_corners=self.model.test_time.align_corners)

    def _passes(self, image: torch.Tensor) -> list[list[HeadOutput]]:
        """Return the used outputs for the pictures and, with flip test, their mirror images."""
        inputs = self.model.data_preprocessor.normalise(image.permute(0, 3, 1, 2))
        passes = [self._outputs(inputs)]
        if self.model.test_time.flip:
            # One after the other: together, they would take twice the memory. Engines hold weights
            # that two nodes share once.
            passes.append([flip_back(output, self.model.flip_index)
                           for output in self._outputs(inputs.flip(3))])
        return passes

    def _outputs(self, inputs: torch.Tensor) -> list[HeadOutput]:
        model = self.model
        outputs = model.keypoint_head.split(model.keypoint_head(model.backbone(inputs)))
        outputs = [outputs[index] for index in model.test_outputs]
        if model.test_time.outputs_first:
            outputs = to_last_size(outputs, model.test_time.align_corners)
        return outputs
