"""Labels as Label Studio's JSON, with the labelling config that fits."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from aepose.files import make_folder, write_json, write_text
from aepose.labels.content import Labels, is_predicted, names_in_skeleton, points_of
from aepose.labels.label_studio import HIDDEN, NAMES
from aepose.labels.pictures import write_frames


def write_label_studio(labels: Labels, target: Path, frames: str) -> Labels:
    """Write tasks for Label Studio, and beside them the labelling config (.xml) that fits.

    Predictions go out as predictions, so that they can be corrected. Pictures are named as those
    of local storage whose root is their common folder.
    """
    labels = write_frames(labels, target.with_name(f"{target.stem}_frames"), frames)
    people = defaultdict(list)
    for annotation in labels.data["annotations"]:
        people[annotation["image_id"]].append(annotation)
    categories = labels.categories()
    meta = {str(c.get("name")): {
        "names": list(c["keypoints"]), "skeleton": [list(p) for p in names_in_skeleton(c)],
        "flip_pairs": c.get("flip_pairs") or []} for c in categories.values()}
    predicted = any(map(is_predicted, labels.data["annotations"]))
    tasks = []
    for number, image in enumerate(labels.data["images"], start=1):
        found = people[image["id"]]
        answer = {"result": [item for a in found for item in _regions(a, image, categories)]}
        if predicted:
            answer["score"] = min((a["score"] for a in found if is_predicted(a)), default=0.0)
        tasks.append({
            "id": number,
            "data": {"image": f"/data/local-files/?d={quote(image['file_name'])}"},
            "meta": {NAMES: meta},
            "annotations": [] if predicted else [answer],
            "predictions": [answer] if predicted else []})
    labels.report.add("changed", "pictures as files of local storage, below", len(tasks),
                      labels.folder or "")
    make_folder(target.parent)
    write_json(target, tasks)
    write_text(target.with_suffix(".xml"), _config(categories))
    return labels


def _regions(annotation: dict[str, Any], image: dict[str, Any],
             categories: dict[Any, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the box of a creature and its keypoints, which name it as their parent."""
    size = image["width"], image["height"]
    category = categories[annotation["category_id"]]
    common = {"original_width": size[0], "original_height": size[1], "image_rotation": 0,
              "to_name": "image"}
    number = f"box{annotation['id']}"
    x, y, width, height = annotation["bbox"]
    score = {"score": annotation["score"]} if is_predicted(annotation) else {}
    regions: list[dict[str, Any]] = [{
        **common, "id": number, "type": "rectanglelabels", "from_name": "class", **score,
        "value": {"x": 100 * x / size[0], "y": 100 * y / size[1], "width": 100 * width / size[0],
                  "height": 100 * height / size[1], "rotation": 0,
                  "rectanglelabels": [str(category.get("name"))]}}]
    for k, (x, y, v) in enumerate(points_of(annotation).tolist()):
        if math.isnan(x):
            continue
        regions.append({
            **common, "id": f"{number}_{k}", "type": "keypointlabels", "from_name": "keypoint",
            "parentID": number, **({"meta": {"text": [HIDDEN]}} if v <= 1 else {}),
            "value": {"x": 100 * x / size[0], "y": 100 * y / size[1], "width": 0.5,
                      "keypointlabels": [category["keypoints"][k]]}})
    return regions


def _config(categories: dict[Any, dict[str, Any]]) -> str:
    names = dict.fromkeys(n for c in categories.values() for n in c["keypoints"])
    classes = [str(c.get("name")) for c in categories.values()]

    def labels(values: Any) -> str:
        return "".join(f"    <Label value={quoteattr(value)}/>\n" for value in values)
    return ('<View>\n  <Image name="image" value="$image"/>\n'
            f'  <RectangleLabels name="class" toName="image">\n{labels(classes)}'
            '  </RectangleLabels>\n'
            f'  <KeyPointLabels name="keypoint" toName="image">\n{labels(names)}'
            '  </KeyPointLabels>\n</View>\n')
