"""``aepose new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import Category


@command(example='aepose new my_project --keypoints "nose, left_ear, right_ear, tail"',
         interrupted="some files may be missing; remove the folder and begin again")
def new(
    folder: Annotated[str, Parameter(help="folder to make")], /, *,
    keypoints: Annotated[str | None, Parameter(
        metavar="NAMES", help="names of the keypoints, with commas; or a metainfo file, such as "
        "that of another project")] = None,
    from_: Annotated[str | None, Parameter(
        name="--from", metavar="ANNOTATIONS", help="labels: a file in COCO's format, or "
        "whatever `aepose convert` reads")] = None,
    val: Annotated[str | None, Parameter(
        metavar="ANNOTATIONS", help="another one to test on (default: a fifth of the pictures, "
        "whole films where there are several)")] = None,
    images: Annotated[str | None, Parameter(
        metavar="DIR", help="folder of the pictures (default: near the annotation file)")] = None,
    category: Category = None,
) -> None:
    """Begin a project with keypoints of your own: a keypoint set, annotations, and a config.

    Categories with different keypoints are classes of one network, of which --category picks some.
    Left and right, skeleton and sizes are guessed, and what does not look right is said. Files that
    are given are not changed.
    """
    from aepose.analysis.doctor import examine_config
    from aepose.analysis.findings import format_findings
    from aepose.analysis.sides import check_pair_names
    from aepose.datasets.categories import parse_category
    from aepose.errors import UsageError
    from aepose.metainfo import is_metainfo_file
    from aepose.project.new import new_project

    if not (keypoints or from_):
        raise UsageError('give --keypoints "nose, left_ear, …" or --from ANNOTATIONS')
    if not from_ and (val or images or category):
        raise UsageError("--val, --images and --category belong to annotations: give --from, too")
    given = Path(keypoints) if is_metainfo_file(keypoints) else [
        part.strip() for part in (keypoints or "").split(",") if keypoints]
    if keypoints and not isinstance(given, Path) and not all(given):
        raise UsageError(f"--keypoints {keypoints!r}: a name is empty")
    project = new_project(folder, given, from_, val, images,
                          parse_category(category) if category else None)
    print("\n".join(project.told))
    if from_:
        found = examine_config(str(project.config))
    else:
        found = {"Keypoints": [one for part in project.metainfo.classes
                               for one in check_pair_names(part.metainfo)]}
    # What is well, doctor says.
    doubtful = {title: [one for one in part if one.level in ("warning", "error")]
                for title, part in found.items()}
    if any(doubtful.values()):
        print("", format_findings({title: part for title, part in doubtful.items() if part}),
              sep="\n")
    first = "" if from_ else f" label pictures, put them where {project.config} says, then"
    print(f"\nNext:{first}\n  aepose doctor {project.config}\n  aepose train {project.config}")
