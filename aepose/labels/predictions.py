"""Results of aepose as labels, to be corrected in another program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aepose.datasets.values import are_numbers
from aepose.errors import DataError
from aepose.files import read_json
from aepose.labels.coco import read_coco
from aepose.labels.content import FilmFrame, Labels, LabelsBuilder
from aepose.labels.pictures import PictureFinder
from aepose.labels.request import Request
from aepose.results import PoseResult, read_results

_FILLED = "keypoints that were filled in, not found: as hidden ones"


def read_predictions(request: Request) -> Labels:
    """Return the people in a file of JSON lines of `aepose predict`, of pictures or of a film.

    Found keypoints are visible, filled-in ones hidden; those without a score are left out.
    """
    builder = LabelsBuilder(request.path)
    finder = PictureFinder(request.path, request.images, builder.report)
    results = list(read_results(request.path, request.metainfo))
    if not results:
        raise DataError(f"{request.path}: no results in it")
    metainfo, films = results[0].metainfo, {r.image_path for r in results if r.frame is not None}
    category = builder.category("person" if "nose" in metainfo.keypoint_names else metainfo.name,
                                metainfo.keypoint_names, metainfo.skeleton, metainfo.flip_pairs)
    paths: dict[str, Path | None] = {}
    for result in results:
        name = result.image_path
        if name not in paths:
            paths[name] = (finder.film(name, len(films) == 1) if name in films else
                           finder.find(name))
        path = paths[name]
        if path is None:
            continue
        frame = None if result.frame is None else FilmFrame(path, result.frame)
        _add(builder, builder.image(path, result.image_size, frame), category, result)
    finder.check()
    identities = {a["track_id"] for a in builder.data["annotations"] if "track_id" in a}
    if identities:
        builder.data["tracks"] = [{"id": n, "name": f"track_{n}"} for n in sorted(identities)]
    return builder.labels()


def _add(builder: LabelsBuilder, image: int, category: int, result: PoseResult) -> None:
    seen = np.where(result.found, 2, 1) * (result.keypoint_scores > 0)
    builder.report.add("changed", _FILLED, int((seen == 1).sum()))
    for p in range(len(result)):
        identity = -1 if result.identities is None else int(result.identities[p])
        builder.annotate(
            image, category, np.column_stack([result.keypoints[p], seen[p]]),
            track=None if identity < 0 else identity, score=round(float(result.scores[p]), 6),
            scores=[round(float(s), 6) for s in result.keypoint_scores[p]])


def read_coco_results(request: Request) -> Labels:
    """Return a list of COCO result records, such as predictions.json of a test, as labels.

    The request's annotation file says which pictures and categories they belong to; its own
    annotations are left out.
    """
    if request.annotations is None:
        raise DataError(f"{request.path}: a list of results, which does not name its pictures; "
                        "give the annotation file that it belongs to with --annotations")
    content = read_json(request.annotations, "annotation file")
    if not isinstance(content, dict) or not content.get("images"):
        raise DataError(f"{request.annotations}: no annotation file with 'images'")
    known = {image.get("id") for image in content["images"]}
    records = []
    for number, record in enumerate(request.content, start=1):
        if record.get("image_id") not in known:
            raise DataError(f"{request.path}: record {number} is of image "
                            f"{record.get('image_id')!r}, which is not in {request.annotations}")
        values, found = record.get("keypoints"), record.get("found")
        if (not isinstance(values, list) or len(values) % 3
                or not are_numbers([*values, record.get("score")], len(values) + 1)
                or not (found is None or are_numbers(found, len(values) // 3))):
            raise DataError(f"{request.path}: record {number}: 'keypoints' must be 3 numbers for "
                            "each keypoint, 'score' one, and 'found' one for each keypoint")
        records.append({**_labelled(values, found), "id": number, "iscrowd": 0,
                        **{key: record[key] for key in ("image_id", "category_id", "score")
                           if key in record},
                        **({"track_id": record["identity"]} if "identity" in record else {})})
    return read_coco(replace(request, path=request.annotations, content={
        **content, "annotations": records}))


def _labelled(values: list[float], found: list[int] | None) -> dict[str, Any]:
    """Return keypoints with visibilities, and their scores, of those with scores."""
    points = np.array(values, np.float64).reshape(-1, 3)
    scores = points[:, 2].copy()
    points[:, 2] = np.where(found if found is not None else True, 2, 1)
    points[scores <= 0] = 0
    return {"keypoints": points.reshape(-1).tolist(), "keypoint_scores": scores.tolist(),
            "num_keypoints": int((scores > 0).sum())}
