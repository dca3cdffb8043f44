"""Drawings of training samples: augmented images, loss masks, heatmaps, tag indices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.drawing.image import Label, check_image
from aepose.drawing.maps import draw_heatmaps, faded
from aepose.drawing.poses import PERSON_COLORS, DrawStyle, draw_poses
from aepose.metainfo import Metainfo
from aepose.results import PoseResult
from aepose.structures import EvalItem, MapTargets, PoseSample, TrainItem

if TYPE_CHECKING:
    from aepose.datasets import CocoKeypoints, Draw

# What the loss does not count has stripes of this colour and width, in two strengths.
_IGNORED, _STRIPE, _OPACITY = (230, 30, 30), 4, (0.7, 0.3)
_TITLE_GROUND = (30, 30, 30)


def draw_sample(dataset: CocoKeypoints, draw: Draw, metainfo: Metainfo) -> tuple[np.ndarray, str]:
    """Return the drawing (H, W, 3) uint8 RGB of one sample and the name of its picture.

    As :func:`draw_eval_item` of a data set in ``test_mode``, as :func:`draw_train_item` of others.
    """
    if dataset.test_mode:
        sample = dataset.load_sample(draw.index)
        drawing = draw_eval_item(sample, dataset[draw.index], dataset.codec, metainfo)
    else:
        sample = dataset.augmented_sample(draw)
        drawing = draw_train_item(sample, dataset.codec.encode(sample), metainfo)
    return drawing, Path(sample.image_path).stem


def draw_train_item(sample: PoseSample, item: TrainItem, metainfo: Metainfo) -> np.ndarray:
    """Return a row per map resolution, (H * levels, 3W, 3) uint8 RGB, of what one sample teaches.

    sample: after augmentation; item: the same sample, encoded

    Each row shows the picture with its people (a label gives the person's number and share of
    labelled keypoints) and what the loss ignores striped; the heatmaps as their maximum over the
    keypoints; and the tag indices. All but the people comes from ``item``, as the network gets it.
    """
    image = np.ascontiguousarray(item.image.numpy().transpose(1, 2, 0))
    people = as_result(sample.keypoints, sample.visibility, metainfo)
    rows = []
    for level, targets in enumerate(item.targets):
        height, width = targets.loss_mask.shape
        ignored = 1 - float(targets.loss_mask.float().mean())
        heatmaps = targets.heatmaps.numpy()
        groups = int(targets.tag_valid.any(dim=1).sum())
        panels = (
            (draw_poses(_shade(image, targets.loss_mask.numpy()), people, metainfo),
             f"output {level}: {width} x {height}, people {len(sample.keypoints)}, "
             f"ignored {ignored:.0%}"),
            (draw_heatmaps(image, heatmaps), f"heatmaps, max {heatmaps.max():.2f}"),
            (draw_tag_index(image, targets, metainfo),
             f"tag indices: keypoints {int(targets.tag_valid.sum())}, people {groups}"),
        )
        rows.append(np.concatenate([titled(*panel) for panel in panels], axis=1))
    return np.concatenate(rows)


def draw_eval_item(sample: PoseSample, item: EvalItem, codec: AssociativeEmbeddingCodec,
                   metainfo: Metainfo) -> np.ndarray:
    """Return the network inputs of all test scales below each other, with the annotated people.

    sample: the same picture as annotated; its people are mapped by the window that decoding uses
    """
    panels = []
    for image, scale in zip(item.images, item.scales, strict=True):
        height, width = image.shape[:2]
        keypoints = codec.geometry.to_map(sample.keypoints, (width, height), item.center,
                                          item.scale)
        drawn = draw_poses(image, as_result(keypoints, sample.visibility, metainfo), metainfo,
                           style=DrawStyle(scores=False))
        panels.append(titled(drawn, f"scale {scale:g}: {width} x {height}, "
                                     f"people {len(sample.keypoints)}"))
    widest = max(panel.shape[1] for panel in panels)
    return np.concatenate([np.pad(p, ((0, 0), (0, widest - p.shape[1]), (0, 0))) for p in panels])


def draw_tag_index(image: np.ndarray, targets: MapTargets, metainfo: Metainfo) -> np.ndarray:
    """Return ``image``, darkened, with the cells at which tags are taken: one colour per person.

    image: (H, W, 3) uint8 RGB, the network input

    Keypoint and cell are read back from the flat index, and limbs join them by keypoint, so that
    an index of a wrong cell, keypoint or person shows.
    """
    check_image(image)
    canvas = faded(image).astype(np.uint8)
    size = np.array([image.shape[1], image.shape[0]])
    height, width = targets.loss_mask.shape
    radius = max(2, round(size.max() / max(height, width) * 0.6))
    for person, valid in enumerate(targets.tag_valid.numpy()):
        k, y, x = np.unravel_index(targets.tag_index[person].numpy()[valid],
                                   (metainfo.num_keypoints, height, width))
        places = np.stack([x + 0.5, y + 0.5], axis=1) * size / (width, height)
        at = dict(zip(k.tolist(), places.astype(int).tolist(), strict=True))
        color = PERSON_COLORS[person % len(PERSON_COLORS)]
        for a, b in metainfo.skeleton_index.tolist():
            if a in at and b in at:
                cv2.line(canvas, at[a], at[b], color, 1, cv2.LINE_AA)
        for place in at.values():
            cv2.circle(canvas, place, radius, color, cv2.FILLED, cv2.LINE_AA)
    return canvas


def as_result(keypoints: np.ndarray, visibility: np.ndarray, metainfo: Metainfo) -> PoseResult:
    """Return annotated people (P, K, 2) in the form that drawing takes.

    The keypoints that somebody has tell the class. A keypoint's score is half its visibility
    (P, K), a person's the share of labelled keypoints among those of its class.
    """
    labelled = visibility > 0
    class_ids = metainfo.class_ids(labelled)
    own = metainfo.own_keypoints(class_ids)
    return PoseResult(
        keypoints=keypoints,
        keypoint_scores=visibility.astype(np.float32) / 2,
        scores=labelled.mean(axis=1, dtype=np.float32, where=own),
        tags=np.zeros((*visibility.shape, 1), np.float32),
        class_ids=class_ids,
    )


def _shade(image: np.ndarray, loss_mask: np.ndarray) -> np.ndarray:
    """Return the picture with stripes on the cells where the (h, w) mask is False."""
    size = image.shape[1], image.shape[0]
    counted = cv2.resize(loss_mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    y, x = np.indices(counted.shape)
    opacity = np.where((x + y) // _STRIPE % 2, *_OPACITY).astype(np.float32)[..., None]
    striped = image + (np.array(_IGNORED, np.float32) - image) * opacity
    return np.where(counted[..., None], image, np.round(striped).astype(np.uint8))


def titled(panel: np.ndarray, text: str) -> np.ndarray:
    """Return the panel with a line of text above it."""
    label = Label(text, (panel.shape[1], panel.shape[0]))
    bar = np.full((label.size[1], panel.shape[1], 3), _TITLE_GROUND, np.uint8)
    label.draw(bar, 0, 0, _TITLE_GROUND)
    return np.concatenate([bar, panel])
