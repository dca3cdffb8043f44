"""``aepose sigmas``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import Category


@command(example="aepose sigmas anna.json ben.json --write my_project/keypoints.json",
         interrupted="nothing was changed")
def sigmas(
    annotations: Annotated[list[str], Parameter(
        help="annotation files in COCO's format: the same pictures by several annotators, or one "
        "file with creatures annotated several times")], /, *,
    write: Annotated[str | None, Parameter(
        metavar="FILE", help="metainfo file to put the sigmas into")] = None,
    metainfo: Annotated[str | None, Parameter(
        help="keypoint set, a name or a file (default: that of --write, or what the annotations "
        "list)")] = None,
    category: Category = None,
) -> None:
    """Estimate the OKS sigma of each keypoint from creatures that were annotated more than once.

    By COCO's rule: how far annotations scatter, relative to the root of the creature's area. What
    has too few repeats keeps its sigma, which is said.
    """
    from aepose.datasets.categories import parse_category
    from aepose.errors import UsageError
    from aepose.metainfo import get_metainfo
    from aepose.project.sigmas import estimate_sigmas, write_sigmas
    from aepose.project.sketch import sketch_lists
    from aepose.project.source import categories_of, list_keypoints
    from aepose.tables import format_table

    chosen = parse_category(category) if category else None
    if metainfo or write:
        keypoints = get_metainfo(metainfo or write)
    else:
        lists = list_keypoints(annotations[0], chosen)
        if not lists[0].names:
            raise UsageError(f"{annotations[0]} does not list its keypoints; give --metainfo")
        keypoints = sketch_lists("keypoints", lists)
        chosen = categories_of(lists) if len(lists) > 1 else chosen
    found = estimate_sigmas(annotations, keypoints, chosen)
    print(format_table(("keypoint", "sigma", "repeats", "left out", ""), [
        (one.name, f"{default if one.sigma is None else one.sigma:.4f}", str(one.count),
         str(one.left_out), one.why and f"default: {one.why}")
        for one, default in zip(found, keypoints.sigmas, strict=True)], left=(0, 4)))
    unknown = [one for one in found if one.sigma is None]
    if write and len(unknown) < len(found):
        write_sigmas(write, found)
        print(f"\n{write}: sigmas of {len(found) - len(unknown)} keypoints changed")
    if unknown:
        print(f"\n{len(unknown)} of {len(found)} keypoints keep the sigma that they have: label "
              "some pictures twice, best by two people, without looking at the first labels")
