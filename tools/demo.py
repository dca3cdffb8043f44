#!/usr/bin/env python3
"""Find people in pictures: ``python tools/demo.py INPUT…``, each a picture or a folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import aepose.startup  # noqa: F401  before what takes long
from aepose.apis.inference import PoseInferencer
from aepose.cli import add_options_argument, finite, run_tool
from aepose.errors import DataError
from aepose.files import free_name, make_folder
from aepose.images import list_images


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
                                cfg_options=options.cfg_options)
    people, failures = _run(inferencer, pictures, out, options.min_score, options.multi_scale)
    print(f"{len(pictures) - len(failures)} pictures, {people} people: {out}")
    if failures:
        raise DataError("\n  ".join([f"{len(failures)} of {len(pictures)} pictures failed",
                                     *failures]))


def _run(
    inferencer: PoseInferencer, pictures: list[Path], out: Path, min_score: float, multi_scale: bool
) -> tuple[int, list[str]]:
    """Return how many people were found and a message for each picture that failed."""
    # A drawing must not replace a picture that is still to be read.
    taken = {p.stem.casefold() for p in pictures
             if p.suffix.lower() == ".png" and p.parent.resolve() == out.resolve()}
    people = 0
    results = inferencer.predict(pictures, multi_scale=multi_scale, min_score=min_score,
                                 progress=True, on_error="skip")
    for result in results:
        # The stem may hold dots, so the suffix is added, not exchanged.
        name = free_name(result.name, taken)
        result.save(out / f"{name}.png")
        result.save(out / f"{name}.json")
        people += len(result)
    return people, results.failures


if __name__ == "__main__":
    run_tool(main, interrupted="what was written for pictures already done is whole")
