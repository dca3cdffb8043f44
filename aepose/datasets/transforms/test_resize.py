"""A test picture at each test scale."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.geometry import TestFrame
from aepose.stages import stage
from aepose.structures import TestItem


def find_test_frame(
    size: tuple[int, int], codec: AssociativeEmbeddingCodec, scales: Sequence[float]
) -> TestFrame:
    """Return where a picture of ``size`` (w, h) goes, its sizes by descending scale."""
    ordered = tuple(sorted(scales, reverse=True))
    return codec.geometry.test_frame(size, codec.input_size, ordered)


def make_test_item(
    image: np.ndarray,
    codec: AssociativeEmbeddingCodec,
    scales: Sequence[float],
    image_id: int = -1,
    image_path: str = "",
) -> TestItem:
    """Warp a picture to the network input of each test scale.

    image: (h, w, 3) uint8 RGB. Sizes follow from the picture, ``codec.input_size`` and the
    smallest scale (see ``geometry.test_frame``).
    """
    size = image.shape[1], image.shape[0]
    frame = find_test_frame(size, codec, scales)
    with stage("warp"):
        images = [cv2.warpAffine(image, codec.geometry.test_matrix(frame, out), out,
                                 flags=cv2.INTER_LINEAR) for out in frame.sizes]
    return TestItem(
        images=images,
        scales=tuple(sorted(scales, reverse=True)),
        base_size=frame.base_size,
        center=frame.center,
        scale=frame.scale,
        image_size=size,
        image_id=image_id,
        image_path=image_path,
    )
