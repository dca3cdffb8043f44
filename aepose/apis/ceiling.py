"""The AP that a perfect network would reach: what map size and grouping cost by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from aepose.apis.build import build_dataset, build_evaluator
from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.aggregation import join_outputs, join_scales
from aepose.config import Config
from aepose.structures import HeadOutput, MapView, PoseSample, TestItem, TestTime

# Tags of two people differ by this; the matcher joins what is closer than codec.tag_threshold.
_TAG_GAP = 10.0


def ceiling(cfg: Config, progress: Callable[[int, int], None] | None = None) -> dict[str, float]:
    """Evaluate the test pictures' own annotations, drawn as perfect maps at scale 1 and decoded.

    Heatmaps are the training targets at the finest map size, tags are one number per person; both
    are resized and decoded as a network's would be. progress: called with pictures done and in all.
    """
    # Tags are compared with a person's first tag, so perfect ones need no second, flipped value.
    test_time = replace(TestTime(**(cfg.get("test_time") or {})), scales=(1,))
    cfg = cfg.copy()
    cfg.merge_from_dict({"test_time.scales": (1,)})
    dataset = build_dataset(cfg, "test")
    metric = build_evaluator(cfg, "test", dataset)
    for index in range(len(dataset)):
        item, sample = dataset[index], dataset.load_sample(index)
        heatmaps, tags = perfect_maps(dataset.codec, sample, item)
        size = item.base_size if test_time.project2image else None
        output = join_outputs([HeadOutput(heatmaps, tags)], size, test_time.align_corners)
        joined, stacked = join_scales((1,), [[output]], test_time.align_corners)
        metric.process(None, [dataset.codec.decode(joined[0].numpy(), stacked[0].numpy(), item)])
        if progress:
            progress(index + 1, len(dataset))
    return metric.evaluate(len(dataset))


def perfect_maps(
    codec: AssociativeEmbeddingCodec, sample: PoseSample, item: TestItem
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return heatmaps and tags, each (1, K, H, W), that show the sample's people exactly."""
    stride = min(codec.map_strides)
    width, height = (side // stride for side in item.base_size)
    cells = codec.geometry.to_map(sample.keypoints, (width, height), item.center, item.scale)
    view = MapView(cells, np.ones((height, width), bool))
    heatmaps = codec.encode_view(view, sample.visibility).heatmaps[None]
    tags = torch.zeros_like(heatmaps)
    for person in range(len(cells)):
        alone = replace(view, keypoints=view.keypoints[person : person + 1])
        own = codec.encode_view(alone, sample.visibility[person : person + 1]).heatmaps[None]
        # Where people overlap, a cell belongs to the one whose keypoint is nearest.
        tags[(own > 0) & (own >= heatmaps)] = person * _TAG_GAP
    return heatmaps, tags
