#!/usr/bin/env python3
"""Cut a COCO-format annotation file: ``python tools/subset_annotations.py ANN OUT``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import aepose.startup  # noqa: F401  before what takes long
from aepose.cli import run_tool
from aepose.datasets.annotations import join_fields, load_annotations, with_images
from aepose.files import make_folder, write_json
from aepose.metainfo import get_metainfo


def main(args: Sequence[str] | None = None) -> None:
    """Keep the first pictures, or those that show people with keypoints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", help="annotation file to read")
    parser.add_argument("out", help="annotation file to write")
    parser.add_argument("--with-people", action="store_true",
                        help="only pictures with somebody who has keypoints")
    parser.add_argument("--count", type=int, help="only the first COUNT of them")
    parser.add_argument("--metainfo", default="coco", help="keypoint set (default: %(default)s)")
    parser.add_argument("--category", help="id or name of the category to keep, where the file "
                        "leaves a choice; several with commas")
    options = parser.parse_args(args)
    metainfo = get_metainfo(options.metainfo)
    category = options.category.split(",") if options.category else None
    data = load_annotations(options.annotations, metainfo, category)
    images = data["images"]
    if options.with_people:
        names = [name for name, _ in metainfo.annotation_fields]
        shown = {a["image_id"] for a in data["annotations"]
                 if any(v > 0 for v in join_fields(a, names)[2::3]) and not a.get("iscrowd", 0)}
        images = [image for image in images if image["id"] in shown]
    part = with_images(data, images[: options.count])
    make_folder(Path(options.out).parent)
    write_json(Path(options.out), part)
    print(f"{options.out}: {len(part['images'])} pictures, {len(part['annotations'])} annotations")


if __name__ == "__main__":
    run_tool(main, interrupted="nothing was written")
