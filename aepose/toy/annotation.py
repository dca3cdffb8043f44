"""Annotations of a finished toy picture in the fields of COCO's ``person_keypoints`` files.

Boxes and outlines are in pixels measured from the corner of the picture; keypoints are in pixels
whose centres are whole numbers.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from aepose.toy.canvas import OWNER_STEP, SCALE, Canvas
from aepose.toy.figure import Figure
from aepose.toy.pose import FACE, KEYPOINTS
from aepose.toy.visibility import to_image, visible_keypoints

Annotation = dict[str, Any]
"""Fields of one COCO annotation, but for ``id`` and ``image_id``."""

_LEAST_AREA = 12.0  # pixels; nobody annotates less


def annotate_person(rng: np.random.Generator, canvas: Canvas, figure: Figure,
                    full: int) -> Annotation | None:
    """Annotate a person, or return None if next to nothing of it shows.

    full: canvas pixels the person would own if nothing stood in front
    """
    return annotate(rng, canvas, figure.number, np.array([figure.xy[name] for name in KEYPOINTS]),
                    visible_keypoints(canvas, figure), full,
                    np.array([name in FACE for name in KEYPOINTS]))


def annotate(rng: np.random.Generator, canvas: Canvas, number: int, xy: np.ndarray,
             visible: np.ndarray, full: int, on_face: np.ndarray) -> Annotation | None:
    """Annotate a figure, or return None if next to nothing of it shows.

    number: of the figure, as in ``Canvas.owner``
    xy: (K, 2) keypoints in pixels of the canvas
    visible, on_face: (K,) bool
    full: canvas pixels the figure would own if nothing stood in front
    """
    annotation = annotate_far(canvas, number, len(xy))
    if annotation is None:
        return None
    shown = annotation["area"] * SCALE**2 / max(full, 1)
    # Annotators give up on hidden joints, the more so the less of the figure shows, and rarely
    # guess where a face looks that is turned away.
    give_up_joint, give_up_face = (0.7, 0.95) if shown < 0.35 else (0.15, 0.85)
    rows, columns = canvas.owner.shape
    keypoints = np.zeros((len(xy), 3))
    for k, (x, y) in enumerate(map(to_image, xy)):
        skip = rng.random() < (give_up_face if on_face[k] else give_up_joint)
        inside = 0 <= x <= columns / SCALE - 1 and 0 <= y <= rows / SCALE - 1
        if inside and (visible[k] or not skip):
            keypoints[k] = round(x, 2), round(y, 2), 2 if visible[k] else 1
    annotation["keypoints"] = [float(v) if i % 3 < 2 else int(v)
                               for i, v in enumerate(keypoints.ravel().tolist())]
    annotation["num_keypoints"] = int((keypoints[:, 2] > 0).sum())
    return annotation


def annotate_far(canvas: Canvas, number: int,
                 num_keypoints: int = len(KEYPOINTS)) -> Annotation | None:
    """Annotate a figure with box and outline but without keypoints; None if hidden."""
    found = _find_mask(canvas, number)
    if found is None:
        return None
    mask, x0, y0 = found
    # Contours run through pixel centres; of a mask grown by one pixel to the right and downwards
    # they are the edges of the pixels of the mask itself.
    grown = cv2.dilate(cv2.copyMakeBorder(mask, 0, 1, 0, 1, cv2.BORDER_CONSTANT),
                       np.ones((2, 2), np.uint8), anchor=(1, 1))
    contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = []
    for contour in contours:
        points = cv2.approxPolyDP(contour, 0.8, True)[:, 0]
        if len(points) >= 3 and cv2.contourArea(points) >= 4 * SCALE**2:
            edges = (points + np.array([x0, y0])) / SCALE
            polygons.append([round(float(v), 2) for v in edges.ravel()])
    if not polygons:
        return None
    return _fields(mask, x0, y0, polygons, num_keypoints, crowd=0)


def annotate_crowd(canvas: Canvas, number: int) -> Annotation | None:
    """Annotate a crowd: one region with an uncompressed run-length mask; None if hidden."""
    found = _find_mask(canvas, number)
    if found is None:
        return None
    mask, x0, y0 = found
    whole = np.zeros(canvas.owner.shape, np.uint8)
    whole[y0:y0 + mask.shape[0], x0:x0 + mask.shape[1]] = mask
    small = whole[::SCALE, ::SCALE]
    if not small.any():
        return None
    segmentation = {"counts": run_lengths(small), "size": list(small.shape)}
    return _fields(mask, x0, y0, segmentation, len(KEYPOINTS), crowd=1)


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths of a mask (H, W): zeros first, down the columns."""
    flat = np.concatenate([[0], mask.ravel(order="F") != 0])
    changes = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate([[0], changes, [flat.size - 1]])).tolist()


def _find_mask(canvas: Canvas, number: int) -> tuple[np.ndarray, int, int] | None:
    """The visible pixels of a figure: (h, w) uint8 cut to its box, and the box's corner x, y."""
    low = number * OWNER_STEP
    mask = cv2.inRange(canvas.owner, low, low + OWNER_STEP - 1)
    if cv2.countNonZero(mask) < _LEAST_AREA * SCALE**2:
        return None
    x, y, w, h = cv2.boundingRect(mask)
    return mask[y:y + h, x:x + w], x, y


def _fields(mask: np.ndarray, x0: int, y0: int, segmentation: Any, num_keypoints: int,
            crowd: int) -> Annotation:
    height, width = mask.shape
    return {
        "category_id": 1, "iscrowd": crowd, "area": cv2.countNonZero(mask) / SCALE**2,
        "bbox": [v / SCALE for v in (x0, y0, width, height)], "segmentation": segmentation,
        "keypoints": [0] * 3 * num_keypoints, "num_keypoints": 0}
