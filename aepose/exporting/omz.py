"""Networks in the layout of Open Model Zoo's Associative Embedding models, for their clients.

It is that of human-pose-estimation-0005 to 0007:

image: (1, 3, H, W) float32 BGR, 0 to 255
heatmaps: (1, K, H', W') float32, in the size of the network's last output that a test uses, mean of
    those that have any. Values below 0 are 0; those that are not the maximum of the
    ``codec.nms_kernel`` cells around them (5 x 5) are negated, so that what is positive is a peak,
    and the absolute values are the heatmap
embeddings: (1, K, H', W', 1) float32 tags; where one map is for all keypoints, K times that

A file declares one size, as clients read it before they ask for another; the graph takes any, so
that OpenVINO can reshape it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import nn

from aepose.apis.verify import LEAST_SHARE, TOLERANCES
from aepose.codecs.decoder import Decoder
from aepose.errors import ConfigError, NumericalError
from aepose.exporting.graph import MapsGraph
from aepose.exporting.onnx_file import to_onnx
from aepose.models import AssociativeEmbedding
from aepose.runtime.description import HEATMAPS, IMAGE
from aepose.runtime.sessions import ENGINES, choose_engine

EMBEDDINGS = "embeddings"
_AXES = {IMAGE: ("N", 3, "H", "W"), HEATMAPS: ("N", None, "map H", "map W"),
         EMBEDDINGS: ("N", None, "map H", "map W", 1)}


class OmzGraph(nn.Module):
    """What a network finds in pictures, as clients of Open Model Zoo take it.

    model: made for tests, without flip test and ``project2image``
    """

    def __init__(self, model: AssociativeEmbedding) -> None:
        super().__init__()
        self.maps = MapsGraph(model)
        self.kernel = model.codec.nms_kernel
        self.threshold = model.codec.detection_threshold

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return heatmaps (N, K, H', W') and embeddings (N, K, H', W', 1).

        image: (N, 3, H, W) float32 BGR, 0 to 255
        """
        heatmaps, tags = self.maps(image.flip(1).permute(0, 2, 3, 1))
        # A negative value, negated, would be taken for a peak.
        heatmaps = heatmaps.clamp(min=0)
        highest = F.max_pool2d(heatmaps, self.kernel, stride=1, padding=self.kernel // 2)
        return (torch.where(heatmaps == highest, heatmaps, -heatmaps),
                tags[:, 0].expand_as(heatmaps).unsqueeze(4))


def check_codec(codec: Decoder) -> None:
    """Raise ConfigError for what clients cannot be told of."""
    classes = codec.metainfo.classes
    if len(classes) > 1:
        raise ConfigError(
            f"layout = 'omz': the network finds {len(classes)} classes "
            f"({', '.join(own.name for own in classes)}), and clients of Open Model Zoo would "
            "group keypoints of all into one person; export it without --layout")
    if codec.reach is not None:
        raise ConfigError(
            f"layout = 'omz': codec.reach = {codec.reach}, but clients of Open Model Zoo group by "
            "tags alone and may join those who are farther apart; export it without --layout, or "
            "accept that by --cfg-options codec.reach=None")


def make_omz(graph: OmzGraph, size: tuple[int, int]) -> onnx.ModelProto:
    """Return a graph as ONNX that declares one picture of ``size`` (W, H), and can take others."""
    multiple = graph.maps.model.backbone.size_multiple
    traced = torch.zeros((2, 3, *(max(side, 2 * multiple) for side in size[::-1])))
    model = to_onnx(graph, {IMAGE: traced}, (HEATMAPS, EMBEDDINGS),
                    {0: 1, 2: multiple, 3: multiple}, _AXES)
    picture = torch.zeros((1, 3, *size[::-1]))
    with torch.no_grad():
        found = graph(picture)
    for value, maps in zip((*model.graph.input, *model.graph.output), (picture, *found),
                           strict=True):
        for axis, length in zip(value.type.tensor_type.shape.dim, maps.shape, strict=True):
            axis.dim_value = length
    return model


def try_omz(path: Path, graph: OmzGraph, picture: np.ndarray, precision: str) -> None:
    """Run a file on a picture (H, W, 3) uint8 RGB of the size that it declares.

    Raises NumericalError unless it finds the maps and the peaks that the graph does.
    """
    image = picture[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    with torch.no_grad():
        wanted = [maps.numpy() for maps in graph(torch.from_numpy(image))]
    session = ENGINES[choose_engine(path)](path)
    found = session.infer({IMAGE: image})
    for name, maps in zip((HEATMAPS, EMBEDDINGS), wanted, strict=True):
        # Rounding may turn the sign of a value that is nearly the maximum.
        difference = np.abs(np.abs(found[name]) - np.abs(maps)).max() / max(1, np.abs(maps).max())
        if not difference <= TOLERANCES[precision]:  # also of NaN
            raise NumericalError(f"{path.name} does not compute what the network does: {name} "
                                 f"differ by {difference:.2g} (at most {TOLERANCES[precision]:g})")
    peaks, expected = (maps > graph.threshold for maps in (found[HEATMAPS], wanted[0]))
    same, most = (peaks & expected).sum(), max(peaks.sum(), expected.sum())
    if same < LEAST_SHARE[precision] * most:
        raise NumericalError(f"{path.name} does not compute what the network does: {same} of "
                             f"{most} peaks agree (at least {LEAST_SHARE[precision]:.0%} should)")
