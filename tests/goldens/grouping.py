"""The decode stages against stored maps, candidates and poses (``grouping.npz``, ``.json``)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aepose.codecs.geometry import CONVENTIONS, Geometry
from aepose.codecs.maps import Maps
from aepose.codecs.matching import match_by_tag
from aepose.codecs.peaks import Peaks, suppress
from aepose.codecs.refine import person_scores, refine
from aepose.metainfo import get_metainfo
from tests.codecs.paths import PATHS, missing, on_path
from tests.goldens.common import Options, Tally, difference, read_json, relative_difference

RELATIVE = 1e-6
PICTURE_PIXELS = 1e-4  # or what float32 can tell apart in pictures of more than a thousand pixels
TOP_K_KEYS = ("max_num_people", "nms_kernel", "tag_per_joint")  # what the candidates depend on
NOT_FOLLOWED = {
    "udpcpu": "udpcpu: refine saw heatmaps overwritten by DARK; published numbers did not",
}

Stage = tuple[float, float]  # difference, tolerance


@dataclass
class Run:
    """One (case, variant) of the reference set.

    arrays: the stored arrays, by full name
    config: the variant's settings
    settings: those of "base" and of each variant of this case
    """

    case: str
    variant: str
    about: dict[str, Any]
    arrays: Any
    config: dict[str, Any]
    settings: dict[str, dict[str, Any]]

    def stored(self, stage: str, variant: str | None = None) -> np.ndarray | None:
        """Return what this (or another) variant stores of a stage, or None."""
        name = f"{self.case}.{variant or self.variant}.{stage}"
        return self.arrays.get(name)

    @property
    def geometry(self) -> Geometry:
        """The pixel convention of the variant."""
        return CONVENTIONS["udp" if self.config.get("use_udp") else "classic"]()

    def maps(self) -> tuple[np.ndarray, np.ndarray]:
        """Return heatmaps (K, H, W) and tags (K or 1, H, W, L), float32."""
        heatmaps = self.arrays[f"{self.case}.hm"].astype(np.float32)
        tags = self.arrays[f"{self.case}.tag"].astype(np.float32)
        return heatmaps, tags if self.config["tag_per_joint"] else tags[:1]

    def stored_peaks(self) -> Peaks | None:
        """Return the candidates of this variant, or of one with the same settings for them."""

        def key(name: str) -> tuple:
            return tuple(self.settings[name][k] for k in TOP_K_KEYS)

        for name in (self.variant, *self.settings):
            if key(name) == key(self.variant) and self.stored("loc_k", name) is not None:
                parts = (self.stored(s, name) for s in ("loc_k", "val_k", "tag_k"))
                return Peaks(*parts)
        return None


def check(folder: Path, options: Options) -> Tally:
    """Compare every stored stage of every case and variant, on every path of decoding.

    One entry per case, variant and path.
    """
    tally = Tally()
    reference = read_json(folder / "grouping.json")
    with np.load(folder / "grouping.npz") as stored:
        arrays = dict(stored)
        for case, about in reference["cases"].items():
            names = ("base", *about["variants"])
            settings = {v: _settings(reference["config"], v) for v in names}
            for variant in about["variants"]:
                name, config = f"{case}.{variant}", settings[variant]
                if variant in NOT_FOLLOWED:
                    tally.skip(name, NOT_FOLLOWED[variant])
                elif variant in about.get("errors", {}):
                    tally.skip(name, f"no reference: {about['errors'][variant]}")
                else:
                    _check_run(tally, name, Run(case, variant, about, arrays, config, settings))
    return tally


def _check_run(tally: Tally, name: str, run: Run) -> None:
    """Add an entry per path."""
    for path in PATHS:
        why = missing(path)
        if why:
            tally.skip(f"{name}.{path}", why)
            continue
        with on_path(path) as read:
            stages = list(_stages(run, read(*run.maps())))
        if stages:
            tally.add(f"{name}.{path}", *max(stages, key=lambda s: s[0] / s[1]))
        else:
            tally.skip(f"{name}.{path}", "no stage is stored")


def _settings(config: dict[str, Any], variant: str) -> dict[str, Any]:
    """Return the settings of a variant: base, and what it changes.

    A change is a dict, or text such as ``adjust=False`` for a stage that is left out.
    """
    change = {"base": {}, **config["variants"], **config.get("other", {})}[variant]
    if isinstance(change, str):
        stage, value = change.split("=")
        change = {stage: value == "True"}
    return {"adjust": True, "refine": True, "score_per_joint": False, **config["base"], **change}


def _stages(run: Run, maps: Maps) -> Iterator[Stage]:
    """Run the stages one after another and compare those that are stored."""
    config = run.config
    heatmaps, _ = run.maps()
    expected = run.arrays.get(f"{run.case}.nms_nonzero")
    if expected is not None:
        kernel = run.settings["base"]["nms_kernel"]
        kept = np.flatnonzero([suppress(heatmap, kernel) for heatmap in heatmaps])
        yield difference(kept, expected), RELATIVE

    threshold = config["detection_threshold"]
    peaks = maps.find_peaks(config["max_num_people"], config["nms_kernel"], threshold)
    tied = _has_ties(heatmaps, config["nms_kernel"], threshold)
    if run.stored("loc_k") is not None:
        yield _compare_peaks(peaks, run, tied)
    if tied:
        # The order of equal peaks is torch.topk's: what follows starts from the stored order.
        peaks = run.stored_peaks() or peaks
    yield from _poses(run, peaks, maps)


def _poses(run: Run, peaks: Peaks, maps: Maps) -> Iterator[Stage]:
    """Compare what becomes of the candidates."""
    config = run.config
    num_keypoints = len(peaks.score)
    order = get_metainfo("coco").grouping_index if num_keypoints == 17 else range(num_keypoints)
    people = match_by_tag(
        peaks,
        order,
        config["max_num_people"],
        config["detection_threshold"],
        config["tag_threshold"],
        config["use_detection_val"],
        config["ignore_too_much"],
    )
    yield from _compare(run, "grouped", people)
    if config["adjust"]:
        people = run.geometry.locate(people, maps.heatmaps)
        yield from _compare(run, "adjusted", people)
    scores = person_scores(people)
    if config["refine"]:
        people = refine(people, maps, run.geometry.cell_offset)
    yield from _compare(run, "poses", people)
    # The reference takes the mean before refine, but a view of the keypoints' scores: refine, which
    # there works in place, fills that too.
    yield from _compare(run, "scores", people[..., 2] if config["score_per_joint"] else scores)
    if run.stored("image_preds") is not None:
        yield _compare_in_picture(people, run)


def _compare(run: Run, stage: str, actual: np.ndarray) -> Iterator[Stage]:
    """Compare one stage if it is stored. Nobody is stored without the other axes."""
    expected = run.stored(stage)
    if expected is not None:
        if expected.size == 0:
            expected = expected.reshape(0, *actual.shape[1:])
        yield relative_difference(actual, expected), RELATIVE


def _has_ties(heatmaps: np.ndarray, kernel: int, threshold: float) -> bool:
    """Tell whether two peaks of a keypoint that are above the threshold have equal values."""
    maxima = (suppress(heatmap, kernel) for heatmap in heatmaps)
    values = (m[m.astype(np.float64) > threshold] for m in maxima)
    return any(len(np.unique(v)) < len(v) for v in values)


def _compare_peaks(peaks: Peaks, run: Run, tied: bool) -> Stage:
    """Compare the candidates above the detection threshold, keypoint by keypoint.

    Of tied peaks neither the order nor the choice at the end of the list is defined: then values
    are compared in full, the rest only above the lowest value, in order of position.
    """
    location, value, tag = (run.stored(s) for s in ("loc_k", "val_k", "tag_k"))
    worst = 0.0
    for k, score in enumerate(value):
        found = score.astype(np.float64) > run.config["detection_threshold"]
        ours = np.concatenate([peaks.score[k, :, None], peaks.xy[k], peaks.tag[k]], axis=1)[found]
        theirs = np.concatenate([score[:, None], location[k], tag[k]], axis=1)[found]
        worst = max(worst, relative_difference(ours[:, 0], theirs[:, 0]))
        if tied and len(theirs):
            ours, theirs = (
                _by_position(rows[score[found] > score[found].min()]) for rows in (ours, theirs)
            )
        worst = max(worst, relative_difference(ours, theirs))
    return worst, RELATIVE


def _by_position(rows: np.ndarray) -> np.ndarray:
    """Sort rows of value, x, y, tags by value, then y, then x."""
    return rows[np.lexsort((rows[:, 1], rows[:, 2], rows[:, 0]))]


def _compare_in_picture(people: np.ndarray, run: Run) -> Stage:
    """Map people from the maps to the pixels of the picture that the case tells of; compare."""
    stored = run.stored("image_preds")
    size = np.array([run.about["width"], run.about["height"]], np.float64)
    # The windows that the files tell of, which are not those of a real test.
    windows = {False: (np.round(size / 2), size / 200), True: ((size - 1) / 2, size - 1)}
    center, scale = windows[run.config.get("use_udp", False)]
    map_size = (run.about["W"], run.about["H"])
    xy = run.geometry.to_image(people[..., :2], map_size, center, scale)
    actual = np.concatenate([xy, people[..., 2:]], axis=-1)
    if stored.size == 0:
        stored = stored.reshape(0, *actual.shape[1:])
    largest = np.float32(np.abs(stored).max(initial=0))
    return difference(actual, stored), max(PICTURE_PIXELS, 2 * float(np.spacing(largest)))
