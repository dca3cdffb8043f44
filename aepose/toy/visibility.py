"""Visibility of drawn joints, judged on the finished canvas as an annotator would."""

from __future__ import annotations

import numpy as np

from aepose.toy.canvas import OWNER_STEP, SCALE, Canvas
from aepose.toy.figure import Figure, Part
from aepose.toy.pose import EYE, KEYPOINTS, NOSE

# The parts on which an annotator sees a joint; single parts first, then paired ones.
_SEEN_ON = {
    "eye": ((Part.HEAD,), ()),
    "ear": ((), (Part.EAR,)),
    "shoulder": ((Part.TORSO,), (Part.UPPER_ARM,)),
    "elbow": ((), (Part.UPPER_ARM, Part.FOREARM)),
    "wrist": ((), (Part.FOREARM, Part.HAND)),
    "hip": ((Part.PELVIS, Part.TORSO), (Part.THIGH,)),
    "knee": ((), (Part.THIGH, Part.SHIN)),
    "ankle": ((), (Part.SHIN, Part.FOOT)),
}
_FACING = 0.12  # least cosine to the viewer at which a point of the face shows
_SIDEWAYS = 0.75  # sine of the turn from which the trunk hides the far shoulder and hip


def visible_keypoints(canvas: Canvas, figure: Figure) -> np.ndarray:
    """(17,) bool: which joints of a person show on the finished canvas."""
    return np.array([_faces_viewer(figure, name) and _is_on_top(canvas, figure, name)
                     for name in KEYPOINTS])


def _faces_viewer(figure: Figure, name: str) -> bool:
    """Points of the face show from the front only; shoulders and hips not through the trunk."""
    side, _, kind = name.rpartition("_")
    mirror = (1, 1, 1) if side == "left" else (-1, 1, 1)
    if kind == "eye":
        return (figure.skeleton.head @ (EYE * mirror))[2] > _FACING
    if kind == "nose":
        return (figure.skeleton.head @ NOSE)[2] > -0.1
    return True


def _is_on_top(canvas: Canvas, figure: Figure, name: str) -> bool:
    side, _, kind = name.rpartition("_")
    single, paired = _SEEN_ON["eye" if kind == "nose" else kind]
    if kind in ("shoulder", "hip"):
        # In a side view the trunk hides the far one of the two joints.
        other = "right" if side == "left" else "left"
        width = 2 * (figure.body.shoulder if kind == "shoulder" else figure.body.hip)
        if figure.depth(f"{other}_{kind}") - figure.depth(name) > _SIDEWAYS * width:
            single = ()
    right = 1 if side == "right" else 0
    seen = [figure.owner(p) for p in single] + [figure.owner(p + right) for p in paired]
    return shows(canvas, figure.xy[name], seen, max(1, round(0.006 * figure.size)))


def shows(canvas: Canvas, xy: np.ndarray, seen: list[int], step: int) -> bool:
    """Whether a point shows: it and most of eight neighbours belong to parts it is seen on.

    xy: (2,), and step, the distance of the neighbours: pixels of the canvas
    seen: values of ``Canvas.owner``, all of one figure
    """
    rows, columns = canvas.owner.shape
    x, y = np.round(xy).astype(int)
    if not (0 <= x < columns and 0 <= y < rows):
        return False
    patch = canvas.owner[max(y - step, 0):y + step + 1:step, max(x - step, 0):x + step + 1:step]
    return bool(canvas.owner[y, x] // OWNER_STEP == seen[0] // OWNER_STEP
                and np.isin(patch, seen).mean() >= 0.5)


def to_image(xy: np.ndarray) -> np.ndarray:
    """Canvas pixels to pixels of the final picture; pixel centres are whole numbers in both."""
    return (xy - (SCALE - 1) / 2) / SCALE
