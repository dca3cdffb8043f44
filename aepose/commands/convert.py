"""``aepose convert``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import check_other_file


@command(example="aepose convert labels.slp annotations.json",
         interrupted="the labels were not written; pictures written before are whole")
def convert(
    labels: Annotated[str, Parameter(help="label file, or the folder of a data set")],
    out: Annotated[str, Parameter(
        help="what to write: .json (COCO), .slp, .nwb, .csv (DeepLabCut), or with --to a folder")],
    /, *,
    from_: Annotated[str | None, Parameter(
        name="--from", metavar="FORMAT", help="of what is read (default: the content tells): "
        "coco, sleap, ultralytics, label-studio, nwb, deeplabcut, aic, mhp, aepose, "
        "coco-results")] = None,
    to: Annotated[str | None, Parameter(
        metavar="FORMAT", help="to write (default: by the name): coco, sleap, ultralytics, "
        "label-studio, nwb, deeplabcut")] = None,
    images: Annotated[str | None, Parameter(
        metavar="PATH", help="folder in which to look for pictures and films, or the film")] = None,
    scorer: Annotated[str | None, Parameter(
        metavar="NAME", help="whose labels are meant, where several people labelled")] = None,
    metainfo: Annotated[str | None, Parameter(
        help="keypoint set, a name or a file, where the labels do not name keypoints")] = None,
    annotations: Annotated[str | None, Parameter(
        metavar="FILE", help="COCO file of the pictures that a list of COCO results is of")] = None,
    predictions: Annotated[bool, Parameter(
        help="take predictions, too, where there are labels of people")] = False,
    frames: Annotated[str, Parameter(
        help="png or jpg: how frames of films are written where a format needs pictures")] = "png",
) -> None:
    """Turn labels or predictions of one program into those of another.

    Ends with a table of what was kept, changed and dropped.
    """
    check_other_file(labels, out)

    from aepose.labels import read_labels, write_labels

    found = read_labels(labels, from_, images, scorer, metainfo, annotations, predictions)
    written = write_labels(found, out, to, frames)
    print(f"{out}: written" + (f"; its pictures lie in {written.folder}" if written.folder else "")
          + "\n")
    print(written.report.table())
