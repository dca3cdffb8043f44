"""Check evaluation against evaluate*.json.gz: metrics, per-OKS AP/AR, records, suppression."""

import json
import re
import tempfile
from pathlib import Path

import numpy as np

from aepose.errors import DataError
from aepose.evaluation import STAT_NAMES, CocoMetric, CrowdPoseMetric
from aepose.metainfo import get_metainfo
from aepose.results import PoseResult
from tests.goldens.common import Options, Tally, difference, read_json

# By the reference's name of the data set: its metainfo, and the metric as the configs ask for it.
DATASETS = {
    "BottomUpCocoDataset": ("coco", CocoMetric, {}),
    "BottomUpAicDataset": ("aic", CocoMetric, {"use_area": False}),
    "BottomUpMhpDataset": ("mhp", CocoMetric, {"use_area": False}),
    "BottomUpCrowdPoseDataset": ("crowdpose", CrowdPoseMetric, {}),
    "BottomUpCocoWholeBodyDataset": ("coco_wholebody", CocoMetric, {}),
}
SUPPRESSION = {"hard": "oks", "soft": "soft_oks"}
TOLERANCE = 1e-12
_CROWD_STATS = ("AP", "AP50", "AP75", "AR", "AR50", "AR75")
SCORE_DIGITS = 0.5e-5  # kept scores are stored with five decimals


def check(folder: Path, options: Options) -> Tally:
    """Compare every variant of every data set; those without a file are skipped."""
    tally = Tally()
    for kind in ("evaluate", "evaluate_derived"):
        if (folder / f"{kind}.json.gz").exists():
            with tempfile.TemporaryDirectory() as scratch:
                _check_kind(tally, kind, folder, options.data, Path(scratch))
    return tally


def _check_kind(tally: Tally, kind: str, folder: Path, data: Path, scratch: Path) -> None:
    packed = folder / f"{kind}_ann.json.gz"
    for name, content in (read_json(packed) if packed.exists() else {}).items():
        (scratch / f"{name}.json").write_text(json.dumps(content))
    expected = read_json(folder / f"{kind}.json.gz")
    predictions = read_json(folder / f"{kind}_preds.json.gz")
    for name, entry in expected.items():
        keypoints = get_metainfo(DATASETS[entry["dataset"]][0]).num_keypoints
        pictures = [_to_result(picture, keypoints) for picture in predictions[name]]
        ann_file = _find_annotations(name, entry, (scratch, folder), data)
        if ann_file is None:
            tally.skip(name, f"no annotation file {entry['ann_file']} with "
                             f"{entry['num_images']} images")
            continue
        for variant, values in entry["variants"].items():
            _check_variant(tally, f"{name}.{variant}", variant, entry, ann_file, pictures,
                           values)


def _find_annotations(name: str, entry: dict, folders: tuple[Path, ...],
                      data: Path) -> Path | None:
    """Return the annotation file that holds as many images as the reference saw."""
    wanted = entry["ann_file"]
    names = (wanted, f"{wanted}.gz", f"evaluate_{name}_ann.json.gz",
             f"evaluate_{name.rsplit('_', 1)[-1]}_ann.json.gz")
    candidates = [*(folder / n for folder in folders for n in names),
                  *sorted(data.rglob(wanted)), *sorted(data.rglob(f"{wanted}.gz"))]
    for path in candidates:
        if path.exists() and len(read_json(path).get("images", ())) == entry["num_images"]:
            return path
    return None


def _to_result(picture: dict, num_keypoints: int) -> PoseResult:
    """Return the stored predictions of one picture as a result, float32 like the reference's."""
    scores = np.array(picture["scores"], np.float32)
    preds = np.array(picture["preds"], np.float32).reshape(len(scores), num_keypoints, 3)
    return PoseResult(keypoints=preds[..., :2], keypoint_scores=preds[..., 2], scores=scores,
                      tags=np.zeros((*preds.shape[:2], 1), np.float32),
                      image_id=picture["image_id"], image_path=picture["file_name"])


def _check_variant(tally: Tally, case: str, variant: str, entry: dict, ann_file: Path,
                   pictures: list[PoseResult], expected: dict) -> None:
    suppression = re.fullmatch(r"(soft|hard)_nms_([\d.]+)", variant)
    options = {}
    if suppression:
        options = {"nms": SUPPRESSION[suppression[1]], "oks_threshold": float(suppression[2])}
    elif variant == "empty":
        pictures = [picture[np.array([], int)] for picture in pictures]
    elif variant != "no_nms":
        tally.skip(case, "unknown variant")
        return
    name, metric_class, settings = DATASETS[entry["dataset"]]
    metainfo = get_metainfo(name)
    try:
        metric = metric_class(metainfo, ann_file, **settings, **options)
        metric.process(None, pictures)
    except DataError as error:
        tally.add(f"{case} ({error})", np.inf, 0)
        return
    metrics = metric.compute_metrics(metric.results)
    tally.add(f"{case}.sigmas", difference(metainfo.sigmas, entry["sigmas"]), TOLERANCE)
    _check_metrics(tally, case, metrics, expected.get("metrics", expected))
    if "parts" in expected:
        _check_parts(tally, case, metric, metrics, expected["parts"])
    _check_records(tally, case, metric, expected)


def _check_metrics(tally: Tally, case: str, metrics: dict, expected: dict) -> None:
    """Compare by name; the reference writes ``AP .5`` and ``AP (M)`` for AP50 and AP(M)."""
    stored = {k.replace(" .5", "50").replace(" .75", "75").replace(" ", ""): v
              for k, v in expected.items()}
    # Names of parts of a whole body ("foot AP") are ours; the reference keeps these in ``parts``.
    same_names = set(stored) == {name for name in metrics if " " not in name}
    worst = max(abs(metrics[k] - stored[k]) for k in stored) if same_names else np.inf
    tally.add(f"{case}.metrics", worst, TOLERANCE)


def _check_parts(tally: Tally, case: str, metric: CocoMetric, metrics: dict,
                 expected: dict) -> None:
    for part, values in expected.items():
        name = part.removeprefix("keypoints_")
        scores = metric.parts["keypoints" if name == "crowd" else name]
        # The numbers that a crowd run adds are among the metrics.
        names = _CROWD_STATS if name == "crowd" else STAT_NAMES
        actual = {"stats": [scores.stats[stat] for stat in names],
                  "ap": scores.ap_per_oks, "ar": scores.ar_per_oks}
        stored = {"stats": values["stats"][:len(names)], **values["per_iou"]}
        for key, value in actual.items():
            tally.add(f"{case}.{part}.{key}", difference(value, stored[key]), TOLERANCE)
        for stat in ("AP", "AR"):
            if f"{name} {stat}" in metrics:
                gap = abs(metrics[f"{name} {stat}"] - scores.stats[stat])
                tally.add(f"{case}.{part}.{stat} by name", gap, 0)


def _check_records(tally: Tally, case: str, metric: CocoMetric, expected: dict) -> None:
    if "num_results" in expected:
        tally.add(f"{case}.num_results", abs(len(metric.records) - expected["num_results"]), 0)
    if "first_result_record" in expected:
        stored, actual = expected["first_result_record"], metric.records[0]
        gap = max(difference(actual[key], stored[key]) for key in stored)
        tally.add(f"{case}.first_result_record", gap if set(actual) == set(stored) else np.inf,
                  TOLERANCE)
    if "image_order" in expected:  # of the pictures with somebody in them, the first few
        order = [int(image) for image in expected["image_order"]]
        written = list(dict.fromkeys(record["image_id"] for record in metric.records))
        tally.add(f"{case}.image_order", difference(written[:len(order)], order), 0)
    if "kept_scores_per_image" in expected:
        kept = expected["kept_scores_per_image"]
        scores = {image: [r["score"] for r in records] for image, records in metric.results}
        worst = max((difference(scores[int(image)], k) for image, k in kept.items()), default=0.0)
        tally.add(f"{case}.kept_scores", worst, SCORE_DIGITS * (1 + 1e-3))
