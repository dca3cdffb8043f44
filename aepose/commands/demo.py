"""``tools/demo.py``: people in pictures."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import CfgOptions, Finite
from aepose.errors import DataError


@command(example="aepose demo data/toy/val2017 --out outputs/demo",
         interrupted="what was written for pictures already done is whole")
def demo(
    first: Annotated[str, Parameter(name="INPUT", help="picture, or folder of pictures")], /,
    *inputs: Annotated[str, Parameter(name="INPUT", help="more of them")],
    recursive: Annotated[bool, Parameter(help="enter the folders in folders")] = False,
    config: Annotated[str | None, Parameter(
        metavar="CONFIG", help="config file, or name of a model of the zoo (default: the config "
        "stored in the checkpoint)")] = None,
    checkpoint: Annotated[str | None, Parameter(
        metavar="FILE", help="weights: a file, its URL, or a published file's name (default: those "
        "of the zoo model, or a small network for toy people)")] = None,
    out: Annotated[str, Parameter(metavar="DIR", help="folder to write")] = "outputs/demo",
    min_score: Annotated[Finite, Parameter(
        help="leave out people with a lower score")] = 0.2,
    multi_scale: Annotated[bool, Parameter(help="test at several scales")] = False,
    cfg_options: CfgOptions = None,
) -> None:
    """Find people in pictures; write a drawing and a JSON file for each."""
    from aepose.apis.inference import PoseInferencer
    from aepose.files import free_name, make_folder
    from aepose.images import list_images

    pictures = list_images([first, *inputs], recursive)
    folder = make_folder(out)
    inferencer = PoseInferencer(config, checkpoint, cfg_options=cfg_options or ())
    # A drawing must not replace a picture that is still to be read.
    taken = {p.stem.casefold() for p in pictures
             if p.suffix.lower() == ".png" and p.parent.resolve() == folder.resolve()}
    people = 0
    results = inferencer.predict(pictures, multi_scale=multi_scale, min_score=min_score,
                                 progress=True, on_error="skip")
    for result in results:
        # The stem may hold dots, so the suffix is added, not exchanged.
        name = free_name(result.name, taken)
        result.save(folder / f"{name}.png")
        result.save(folder / f"{name}.json")
        people += len(result)
    failures = results.failures
    print(f"{len(pictures) - len(failures)} pictures, {people} people: {folder}")
    if failures:
        raise DataError("\n  ".join([f"{len(failures)} of {len(pictures)} pictures failed",
                                     *failures]))
