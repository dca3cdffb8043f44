"""A keypoint set as a first proposal: pairs from the names, limbs from what lies close together."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aepose.metainfo import Metainfo, get_metainfo
from aepose.metainfo.pairs import guess_pairs
from aepose.project.source import KeypointList

DEFAULT_SIGMA = 0.05
"""Between the eyes' (0.025) and the hips' (0.107) of COCO."""
_SAMPLE = 500  # creatures that are looked at
_LEAST = 5  # creatures with both keypoints, for a distance to count


def sketch_metainfo(name: str, names: Sequence[str], limbs: Sequence[tuple[str, str]] = (),
                    keypoints: np.ndarray | None = None,
                    pairs: Sequence[tuple[str, str]] = ()) -> Metainfo:
    """Return a keypoint set with what can be guessed; it is for its user to correct.

    names: K of keypoints; limbs: of the skeleton, and pairs: of left and right, where they are
        known, otherwise they are guessed
    keypoints: (P, K, 3) x, y, visibility of annotated creatures, pixels, to guess it from

    All sigmas are DEFAULT_SIGMA. Raises ConfigError for names that cannot be used.
    """
    pairs = pairs or guess_pairs(names)
    if not limbs:
        limbs = _by_names(names, pairs) if keypoints is None else _tree_of(
            names, pairs, keypoints)
    return get_metainfo({"name": name, "keypoint_names": list(names), "flip_pairs": pairs,
                         "sigmas": [DEFAULT_SIGMA] * len(names), "skeleton": list(limbs)})


def sketch_lists(name: str, lists: Sequence[KeypointList], keypoints: np.ndarray | None = None
                 ) -> Metainfo:
    """Return the set of what a file lists: of one class, or of several, each sketched for itself.

    keypoints: (P, K, 3) of annotated creatures, with all K keypoints side by side
    """
    sets: dict[str, Metainfo] = {}
    start = 0
    for one in lists:
        own = None
        if keypoints is not None:
            own = keypoints[:, start:start + len(one.names)]
            own = own[(own[..., 2] > 0).any(axis=1)]
        start += len(one.names)
        sets[one.class_name] = sketch_metainfo(one.class_name if len(lists) > 1 else name,
                                               one.names, one.limbs, own, one.flip_pairs)
    return get_metainfo({"name": name, "classes": sets} if len(sets) > 1 else
                        sets[lists[0].class_name])


def _tree_of(names: Sequence[str], pairs: Sequence[tuple[str, str]], keypoints: np.ndarray
             ) -> list[tuple[str, str]]:
    """Return the limbs of the shortest tree over keypoints, as pairs of names.

    keypoints: (P, K, 3). A limb's length is the root of the mean square of its length in creatures
    that have both ends, each measured by the creature's extent: short and steady ones come first
    (a minimum spanning tree, by Prim's rule). Both sides count together. Keypoints that hardly
    anybody has are joined to nothing.
    """
    keypoints = keypoints[::max(1, len(keypoints) // _SAMPLE)]
    xy, there = keypoints[..., :2], keypoints[..., 2] > 0
    known = np.where(there[..., None], xy, np.nan)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # nobody is there
        extent = np.nanmax(known, axis=1, initial=-np.inf) - np.nanmin(known, axis=1,
                                                                       initial=np.inf)
        size = np.linalg.norm(extent, axis=-1)
        size = np.where(np.isfinite(size) & (size > 0), size, np.nan)
        squares = ((known[:, :, None] - known[:, None]) ** 2).sum(-1) / size[:, None, None] ** 2
        costs = np.nanmean(squares, axis=0)
    costs[np.isfinite(squares).sum(axis=0) < _LEAST] = np.inf
    other = np.arange(len(names))
    for left, right in pairs:
        i, j = names.index(left), names.index(right)
        other[[i, j]] = j, i
    mirrored = costs[np.ix_(other, other)]
    costs = np.where(np.isfinite(mirrored), (costs + mirrored) / 2, costs)
    np.fill_diagonal(costs, np.inf)
    return [(names[i], names[j]) for i, j in _spanning_tree(costs)]


def _spanning_tree(costs: np.ndarray) -> list[tuple[int, int]]:
    """Return the edges of the cheapest trees; costs: (K, K), infinite where there is no edge."""
    edges: list[tuple[int, int]] = []
    left = set(range(len(costs)))
    while left:
        inside = [min(left)]
        left -= set(inside)
        while left:
            outside = sorted(left)
            part = costs[np.ix_(inside, outside)]
            start, end = np.unravel_index(part.argmin(), part.shape)
            if not np.isfinite(part[start, end]):
                break
            edges.append((inside[start], outside[end]))
            inside.append(outside[end])
            left.remove(outside[end])
    return edges


def _by_names(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return each keypoint joined to the one named before it that is not of the other side."""
    side = {name: index for pair in pairs for index, name in enumerate(pair)}
    limbs = []
    for number, name in enumerate(names):
        before = [other for other in names[:number] if side.get(other) is None
                  or side.get(other) == side.get(name)]
        if side.get(name) is None:  # the middle is a chain of its own
            before = [other for other in before if side.get(other) is None]
        limbs += [(before[-1], name)] if before else []
    return limbs + list(pairs[:1] if len(side) == len(names) else ())


def about_sketch(one: KeypointList) -> list[str]:
    """Return what is to be known of the sketch of a list, in lines."""
    lines = []
    if len(one.category) > 1:
        lines.append(f"the categories {', '.join(map(str, one.category))} are one class, as they "
                     "list the same keypoints")
    if not one.flip_pairs:
        lines.append("flip_pairs are guessed from the names: what changes places in a mirrored "
                     "picture")
    if not one.limbs:
        lines.append("skeleton is guessed; it is drawn, and serves for nothing else")
    return [*lines, f"sigmas are a default, {DEFAULT_SIGMA} for each; `aepose sigmas` estimates "
            "them from pictures annotated twice"]


def content_of(metainfo: Metainfo) -> dict[str, Any]:
    """Return what a file says of a sketched set."""
    if len(metainfo.classes) > 1:
        return {"name": metainfo.name, "classes": {
            one.name: content_of(one.metainfo) for one in metainfo.classes}}
    return {key: getattr(metainfo, key) for key in (
        "name", "keypoint_names", "flip_pairs", "sigmas", "skeleton", "keypoint_colors")}


def metainfo_text(content: Mapping[str, Any], about: Sequence[Sequence[str]]) -> str:
    """Return the text of a metainfo file; ``about``: of each class, lines of comment above it."""
    if "classes" not in content:
        return _commented(about[0]) + _object(content) + "\n"
    classes = ",\n".join(
        f"{_commented(lines, '    ')}    {_json(name)}: {_object(own, '    ')}"
        for (name, own), lines in zip(content["classes"].items(), about, strict=True))
    return f'{{\n  "name": {_json(content["name"])},\n  "classes": {{\n{classes}\n  }}\n}}\n'


def _commented(lines: Sequence[str], indent: str = "") -> str:
    return "".join(f"{indent}// {line}\n" for line in lines)


def _object(content: Mapping[str, Any] | str, indent: str = "") -> str:
    """Return a set of one class as JSON, a line for each field; of a known set its name."""
    if isinstance(content, str):
        return _json(content)
    entries = ",\n".join(f"{indent}  {_json(key)}: {_json(value)}"
                         for key, value in content.items())
    return f"{{\n{entries}\n{indent}}}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
