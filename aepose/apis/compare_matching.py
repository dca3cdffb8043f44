"""What the choice of ``codec.matching`` is worth: both kinds on the same maps, scored.

The maps are drawn from annotations, with the errors of a network: weak, missing, displaced and
false peaks, and tags that scatter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from aepose.apis.build import build_codec
from aepose.apis.ceiling import item_without_pixels, test_annotations
from aepose.apis.results import build_metric, plain_names
from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.aggregation import join_scales
from aepose.codecs.matching import MATCHING
from aepose.config import Config
from aepose.datasets.annotations import join_fields
from aepose.errors import ConfigError
from aepose.evaluation import CocoMetric, Record
from aepose.evaluation.table import format_table
from aepose.structures import HeadOutput, PoseResult, TestItem, TestTime

# Those that the metric has are shown; CrowdPose has E, M and H.
METRICS = ("AP", "AP50", "AP75", "AR", "AP(E)", "AP(M)", "AP(L)", "AP(H)")
FOUND = "people found"

# Fitted to what the network for drawn people that comes with the package gives on its validation
# pictures, see docs/matching.md.
# Visibility in the annotation -> parameters of the Beta distribution of a seen peak's height.
HEIGHTS = {1: (1.6, 1.4), 2: (5.0, 1.3)}
HIDDEN_MISSING = 0.27  # of the hidden keypoints at least this share is not seen
FALSE_HEIGHT = 0.12  # mean height of a false peak above the detection threshold
TAG_STEP, TAG_STEP_SPREAD, LEAST_STEP = 1.75, 0.5, 0.4  # from one person's tag to the next one's
# Assumed.
MIRRORED = 0.5  # share of false peaks at the same person's keypoint of the other side
AWAY = 3.0  # standard deviation of the place of other false peaks, in units of ``position``


@dataclass(frozen=True)
class NetworkNoise:
    """How a network's maps differ from perfect ones.

    tags: scale of the deviation of a keypoint's tag from its person's, which is distributed as
        Student's t with two degrees of freedom; people's own tags are 1.75 apart on average
    missing: share of labelled keypoints that are not seen, their peaks below the detection
        threshold
    false_peaks: share of labelled keypoints that have a second, false peak
    position: standard deviation of a peak's place along x and y, in units in which the same error
        costs every keypoint and person the same similarity, 2 sigma sqrt(area)
    background: standard deviation of noise in every cell of the heatmaps
    """

    tags: float = 0.1
    missing: float = 0.1
    false_peaks: float = 0.5
    position: float = 0.3
    background: float = 0.005

    def __post_init__(self) -> None:
        for field in fields(self):
            value, is_share = getattr(self, field.name), field.name in ("missing", "false_peaks")
            # A comparison with NaN is false.
            if not 0 <= value <= (1 if is_share else np.finfo(np.float32).max):
                raise ConfigError(f"noise: {field.name} = {value}: give "
                                  + ("a share from 0 to 1" if is_share else "a number from 0"))


@dataclass(frozen=True)
class Comparison:
    """Metrics of both kinds of matching on the same maps, several times.

    metrics: 'exact' and 'unrounded' -> name of a metric -> (R,) values, one per repetition
    """

    noise: NetworkNoise
    metrics: dict[str, dict[str, np.ndarray]]

    def difference(self, name: str) -> tuple[float, float]:
        """Return what 'unrounded' has more of a metric, on average, and the standard error."""
        more = self.metrics["unrounded"][name] - self.metrics["exact"][name]
        return float(more.mean()), float(more.std(ddof=1) / len(more) ** 0.5)


def compare_matching(
    cfg: Config,
    noises: Sequence[NetworkNoise],
    repeats: int = 5,
    ann_file: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Comparison]:
    """Decode the same noisy maps with each kind of matching; return a comparison per noise.

    Maps are those of a flip test at scale 1 (L = 2), joined as the config says.

    repeats: how often all pictures are drawn anew, at least 2, for the error of the mean
    ann_file: instead of the config's test file
    progress: called with pictures done and in all

    Raises DataError for an annotation file that cannot be used, and ConfigError for fewer than two
    repeats and for pictures without labelled people.
    """
    if repeats < 2:
        raise ConfigError(f"{repeats} repeats: give at least 2, or differences have no error")
    codec = build_codec(cfg)
    test_time = TestTime(**(cfg.get("test_time") or {}))
    metric = build_metric(cfg, ann_file or test_annotations(cfg))
    pictures = list(pictures_of(codec, metric))
    if not any(len(p.joints) for p in pictures):
        raise ConfigError(f"{metric.ann_file}: no person has a labelled keypoint, so there is "
                          "nothing to match")
    total, done = len(noises) * repeats * len(pictures), 0
    comparisons = []
    for noise in noises:
        values: dict[str, dict[str, list[float]]] = {matching: {} for matching in MATCHING}
        for seed in range(repeats):
            results: dict[str, list[PoseResult]] = {matching: [] for matching in MATCHING}
            for picture in pictures:
                maps = noisy_maps(codec, picture, noise, test_time, seed)
                for matching, found in results.items():
                    found.append(replace(codec, matching=matching).decode(*maps, picture.item))
                done += 1
                if progress:
                    progress(done, total)
            for matching, found in results.items():
                for name, value in _score(metric, found).items():
                    values[matching].setdefault(name, []).append(value)
        comparisons.append(Comparison(noise, {
            matching: {name: np.array(numbers) for name, numbers in of_one.items()}
            for matching, of_one in values.items()}))
    return comparisons


def _score(metric: CocoMetric, found: Sequence[PoseResult]) -> dict[str, float]:
    metric.process(None, found)
    values = plain_names(metric.evaluate(len(found)))
    return {**{name: values[name] for name in METRICS if name in values},
            FOUND: sum(map(len, found))}


def format_comparisons(comparisons: Sequence[Comparison]) -> str:
    """Return a table with three rows per noise: both kinds, and what the second has more."""
    rows, names = [], list(comparisons[0].metrics[MATCHING[0]])
    digits = [0 if name == FOUND else 3 for name in names]
    for comparison in comparisons:
        noise = comparison.noise
        levels = [f"{level:g}" for level in (noise.tags, noise.missing, noise.false_peaks)]
        for matching in MATCHING:
            means = (comparison.metrics[matching][name].mean() for name in names)
            # The evaluator's -1 says that there was nobody to find.
            rows.append([*levels, matching, *("-" if m == -1 else f"{m:.{d}f}"
                                              for m, d in zip(means, digits, strict=True))])
        differences = (comparison.difference(name) for name in names)
        # A digit more: differences are small.
        rows.append(["", "", "", "difference", *(
            f"{mean:+.{d + 1}f} ± {error:.{d + 1}f}"
            for (mean, error), d in zip(differences, digits, strict=True))])
    return format_table(["tag noise", "missing", "false peaks", "matching", *names], rows)


@dataclass(frozen=True)
class Picture:
    """The labelled people of the picture of a number.

    joints: (P, K, 3) float32: x, y in pixels of the picture, visibility
    boxes: (P, 4) float32: x, y, width, height; areas: (P,) float32, square pixels
    """

    number: int
    item: TestItem
    joints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray


def pictures_of(codec: AssociativeEmbeddingCodec, metric: CocoMetric) -> Iterator[Picture]:
    """Yield every picture of the annotation file."""
    names = [name for name, _ in codec.metainfo.annotation_fields]
    people: dict[int, list[Record]] = {image["id"]: [] for image in metric.ground_truth.images}
    for person in metric.ground_truth.people:
        people[person["image_id"]].append(person)
    for number, image in enumerate(metric.ground_truth.images):
        rows = [join_fields(person, names) for person in people[image["id"]]]
        joints = np.array(rows, np.float32).reshape(len(rows), codec.metainfo.num_keypoints, 3)
        labelled = (joints[..., 2] > 0).any(axis=1)
        boxes = np.array([p["bbox"] for p in people[image["id"]]], np.float32).reshape(-1, 4)
        areas = np.array([p["area"] for p in people[image["id"]]], np.float32)
        yield Picture(number, item_without_pixels(codec, image), joints[labelled],
                       boxes[labelled], areas[labelled])


@dataclass(frozen=True)
class _Peaks:
    """n peaks of a picture: x, y (n, 2) in its pixels, keypoint (n,), height (n,), tags (n, 2)."""

    xy: np.ndarray
    keypoint: np.ndarray
    height: np.ndarray
    tags: np.ndarray


def noisy_maps(
    codec: AssociativeEmbeddingCodec, picture: Picture, noise: NetworkNoise,
    test_time: TestTime, seed: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return heatmaps (K, H, W) and tags (K, H, W, 2) as a network could give them.

    The same seed and picture give the same maps; of two levels of noise, maps that differ by it
    alone.
    """
    rng = np.random.default_rng((seed, picture.number))
    person_tags = _person_tags(picture, rng)
    peaks = _draw_peaks(codec, picture, person_tags, noise, rng)
    passes: list[list[HeadOutput]] = [[], []]
    for stride in codec.map_strides:
        heatmaps, tags = _paint(codec, picture, peaks, person_tags, stride, noise, rng)
        for number, of_pass in enumerate(passes):
            of_pass.append(HeadOutput(heatmaps, None if of_pass else tags[number]))
    size = picture.item.base_size if test_time.project2image else None
    heatmaps, tags = join_scales((1,), [passes], size, test_time.align_corners)
    return heatmaps[0], tags[0]


def _person_tags(picture: Picture, rng: np.random.Generator) -> np.ndarray:
    """Return (P, 2): they rise from left to right; in the mirror image they fall."""
    steps = rng.normal(TAG_STEP, TAG_STEP_SPREAD, len(picture.joints)).clip(min=LEAST_STEP)
    middle = picture.boxes[:, 0] + picture.boxes[:, 2] / 2
    tags = np.zeros(len(steps))
    tags[np.argsort(middle, kind="stable")] = np.cumsum(steps) - steps.sum() / 2
    return np.stack([tags, -tags], axis=1)


def _draw_peaks(
    codec: AssociativeEmbeddingCodec, picture: Picture, person_tags: np.ndarray,
    noise: NetworkNoise, rng: np.random.Generator,
) -> _Peaks:
    """Return the peaks of all people's keypoints, and false ones.

    What is drawn does not depend on the levels of noise, only what becomes of it.
    """
    person, keypoint = np.nonzero(picture.joints[..., 2] > 0)
    xy, visibility = picture.joints[person, keypoint, :2], picture.joints[person, keypoint, 2]
    count, least = len(person), codec.detection_threshold
    unit = 2 * np.array(codec.metainfo.sigmas)[keypoint] * np.sqrt(picture.areas[person])
    spread = (noise.position * unit)[:, None]
    seen_height = rng.beta(*np.array([HEIGHTS[2 if v > 1 else 1] for v in visibility]).reshape(
        -1, 2).T)
    chance = np.where(visibility > 1, noise.missing, max(noise.missing, HIDDEN_MISSING))
    height = np.where(rng.random(count) < chance, least * rng.random(count),
                      least + (1 - least) * seen_height)
    places = xy + spread * rng.standard_normal((count, 2))
    deviation = _student(count, rng)
    tags = person_tags[person] + noise.tags * deviation

    # False peaks are as uncertain again about whose they are.
    is_false = rng.random(count) < noise.false_peaks
    twin = picture.joints[person, codec.metainfo.flip_index[keypoint]]
    mirrored = (rng.random(count) < MIRRORED) & (twin[:, 2] > 0)
    away = np.where(mirrored[:, None], twin[:, :2], xy)
    far = spread * np.where(mirrored[:, None], 1, AWAY)
    false_xy = away + far * rng.standard_normal((count, 2))
    false_height = np.minimum(1, least + rng.exponential(FALSE_HEIGHT, count))
    false_tags = person_tags[person] + 2 * noise.tags * _student(count, rng)
    return _Peaks(np.concatenate([places, false_xy[is_false]]).astype(np.float32),
                  np.concatenate([keypoint, keypoint[is_false]]),
                  np.concatenate([height, false_height[is_false]]),
                  np.concatenate([tags, false_tags[is_false]]))


def _student(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (count, 2) deviations whose tails are those of Student's t, 2 degrees of freedom."""
    return rng.standard_normal((count, 2)) / np.sqrt(rng.chisquare(2, (count, 1)) / 2)


def _paint(
    codec: AssociativeEmbeddingCodec, picture: Picture, peaks: _Peaks, person_tags: np.ndarray,
    stride: int, noise: NetworkNoise, rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return heatmaps (1, K, h, w) and tags (2, 1, K, h, w) at a stride of the network."""
    item = picture.item
    width, height = (side // stride for side in item.base_size)
    shape = codec.metainfo.num_keypoints, height, width
    heatmaps = noise.background * np.abs(rng.standard_normal(shape, np.float32))
    tags = np.zeros((2, *shape), np.float32)
    # Away from peaks, a person's box has its tag, in front those of the smaller.
    corners = np.stack([picture.boxes[:, :2], picture.boxes[:, :2] + picture.boxes[:, 2:]], axis=1)
    cells = codec.geometry.to_map(corners, (width, height), item.center, item.scale)
    for person in np.argsort(-picture.areas, kind="stable"):
        (left, top), (right, bottom) = np.maximum(0, np.rint(cells[person]).astype(int))
        tags[:, :, top:bottom, left:right] = person_tags[person][:, None, None, None]
    centers = codec.geometry.peak_centers(
        codec.geometry.to_map(peaks.xy, (width, height), item.center, item.scale))
    reach = int(3 * codec.sigma + 1)
    for (x, y), k, peak, tag in zip(centers, peaks.keypoint, peaks.height, peaks.tags, strict=True):
        columns = np.arange(max(0, int(x) - reach), min(width, int(x) + reach + 1))
        rows = np.arange(max(0, int(y) - reach), min(height, int(y) + reach + 1))
        if not len(columns) or not len(rows):
            continue
        window = np.s_[k, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        profile = (np.exp(-(steps**2) / (2 * codec.sigma**2)) for steps in (rows - y, columns - x))
        blob = (peak * np.multiply.outer(*profile)).astype(np.float32)
        mine = blob > heatmaps[window]
        heatmaps[window][mine] = blob[mine]
        tags[0][window][mine], tags[1][window][mine] = tag
    return torch.from_numpy(heatmaps)[None], torch.from_numpy(tags)[:, None]
