#!/usr/bin/env python3
"""Find people in pictures: ``python tools/demo.py INPUT…``, each a picture or a folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import aepose.startup  # noqa: F401  before what takes long
from aepose.apis.inference import PoseInferencer, result_to_json
from aepose.cli import add_options_argument, finite, progress_bar, run_tool
from aepose.drawing import draw_poses, write_image
from aepose.errors import DataError
from aepose.files import free_name, make_folder, write_json
from aepose.images import list_images, read_image
from aepose.metainfo import Metainfo
from aepose.results import PoseResult


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments, and write a drawing and a JSON file for each picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="picture, or folder of pictures")
    parser.add_argument("--recursive", action="store_true", help="enter the folders in folders")
    parser.add_argument("--config", help="config file, or name of a model of the zoo "
                        "(default: the config stored in the checkpoint)")
    parser.add_argument("--checkpoint", help="weights: a file, its URL, or a published file's name "
                        "(default: those of the zoo model, or a small network for toy people)")
    parser.add_argument("--out", default="outputs/demo",
                        help="folder to write (default: %(default)s)")
    parser.add_argument("--min-score", type=finite, default=0.2,
                        help="leave out people with a lower score (default: %(default)s)")
    parser.add_argument("--multi-scale", action="store_true", help="test at several scales")
    add_options_argument(parser)
    options = parser.parse_args(args)
    pictures = list_images(options.inputs, options.recursive)
    out = make_folder(options.out)
    inferencer = PoseInferencer(options.config, options.checkpoint,
                                cfg_options=options.cfg_options, multi_scale=options.multi_scale)
    people, failures = _run(inferencer, pictures, out, options.min_score)
    print(f"{len(pictures) - len(failures)} pictures, {people} people: {out}")
    if failures:
        raise DataError("\n  ".join([f"{len(failures)} of {len(pictures)} pictures failed",
                                     *failures]))


def _run(
    inferencer: PoseInferencer, pictures: list[Path], out: Path, min_score: float
) -> tuple[int, list[str]]:
    """Return how many people were found and a message for each picture that failed."""
    people, failures = 0, []
    # A drawing must not replace a picture that is still to be read.
    taken = {p.stem.casefold() for p in pictures
             if p.suffix.lower() == ".png" and p.parent.resolve() == out.resolve()}
    with progress_bar("finding people", len(pictures)) as show:
        for done, path in enumerate(pictures, start=1):
            try:
                result = inferencer.predict(path)
                result = result[result.scores >= min_score]
                _write(result, inferencer.metainfo, out / free_name(path.stem, taken))
                people += len(result)
            except DataError as error:
                failures.append(str(error))
            show(done)
    return people, failures


def _write(result: PoseResult, metainfo: Metainfo, target: Path) -> None:
    """Write ``target`` with .png and .json for one picture."""
    drawing = draw_poses(read_image(result.image_path), result, metainfo)
    # The stem may hold dots, so the suffix is added, not exchanged.
    write_image(target.with_name(target.name + ".png"), drawing)
    write_json(target.with_name(target.name + ".json"), result_to_json(result, metainfo))


if __name__ == "__main__":
    run_tool(main, interrupted="what was written for pictures already done is whole")
