"""``aepose subset``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import Positive, check_other_file


@command(example="aepose subset all.json few.json --with-people --count 100",
         interrupted="nothing was written")
def subset(
    annotations: Annotated[str, Parameter(help="annotation file to read")],
    out: Annotated[str, Parameter(help="annotation file to write")], /, *,
    with_people: Annotated[bool, Parameter(
        help="only pictures with somebody who has keypoints")] = False,
    count: Annotated[Positive | None, Parameter(help="only the first N of them")] = None,
    metainfo: Annotated[str, Parameter(help="keypoint set: a name, or a file")] = "coco",
    category: Annotated[str | None, Parameter(
        help="id or name of the category to keep, where the file leaves a choice; several with "
        "commas, of several classes as class=category")] = None,
) -> None:
    """Cut a COCO-format annotation file: keep the first pictures, or those that show people."""
    check_other_file(annotations, out)

    from aepose.datasets.annotations import join_fields, load_annotations, with_images
    from aepose.datasets.categories import parse_category
    from aepose.files import make_folder, write_json
    from aepose.metainfo import get_metainfo

    keypoints = get_metainfo(metainfo)
    data = load_annotations(annotations, keypoints, parse_category(category) if category else None)
    images = data["images"]
    if with_people:
        names = [name for name, _ in keypoints.annotation_fields]
        shown = {a["image_id"] for a in data["annotations"]
                 if any(v > 0 for v in join_fields(a, names)[2::3]) and not a.get("iscrowd", 0)}
        images = [image for image in images if image["id"] in shown]
    part = with_images(data, images[:count])
    make_folder(Path(out).parent)
    write_json(Path(out), part)
    print(f"{out}: {len(part['images'])} pictures, {len(part['annotations'])} annotations")
