"""Drawing of what a network made of an image, next to the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.drawing.maps import draw_maps
from aepose.drawing.poses import DrawStyle, draw_poses
from aepose.results import PoseResult
from aepose.structures import EvalItem, PoseSample
from aepose.visualization.samples import as_result, titled

# Evaluation counts every guess; a drawing of all of them shows nothing.
LEAST_DRAWN_SCORE = 0.2


def draw_prediction(
    sample: PoseSample,
    item: EvalItem,
    heatmaps: np.ndarray,
    tags: np.ndarray,
    result: PoseResult,
    codec: AssociativeEmbeddingCodec,
) -> np.ndarray:
    """Return five pictures in a row, (H, 5W, 3) uint8 RGB: input, heatmaps, tags, found, annotated.

    sample: the picture as annotated; item: the same picture as the network gets it
    heatmaps: (K, h, w) and tags (K or 1, h, w, L) float32, aggregated over flip and scales
    result: the people decoded from them, in pixels of the picture; likely ones are drawn
    """
    image = item.images[0]
    size = image.shape[1], image.shape[0]

    def on_input(people: PoseResult) -> PoseResult:
        places = codec.geometry.to_map(people.keypoints, size, item.center, item.scale)
        return replace(people, keypoints=places)

    likely = result.filter(min_score=LEAST_DRAWN_SCORE)
    truth = as_result(sample.keypoints, sample.visibility, codec.metainfo)
    labelled = int((truth.scores > 0).sum())  # the others, too small or hidden, only mask the loss
    others = f" (+{len(truth) - labelled} without keypoints)" if labelled < len(truth) else ""
    seen, grouped = np.split(draw_maps(image, heatmaps, tags), 2, axis=1)
    panels = (
        (image, "input"),
        (seen, "heatmaps"),
        (grouped, "tags"),
        (draw_poses(image, on_input(likely), codec.metainfo), f"found: {len(likely)}"),
        (draw_poses(image, on_input(truth), codec.metainfo, DrawStyle(scores=False)),
         f"annotated: {labelled}{others}"),
    )
    return np.concatenate([titled(*panel) for panel in panels], axis=1)
