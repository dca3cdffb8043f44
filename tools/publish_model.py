#!/usr/bin/env python3
"""Make a checkpoint ready to hand out: ``python tools/publish_model.py CHECKPOINT FOLDER/NAME``.

Writes NAME-HASH.pth, NAME-HASH.safetensors and a model card, without optimiser and logs. With
OUT.safetensors instead, only that file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import aepose.startup  # noqa: F401  before what takes long
from aepose.cli import run_tool
from aepose.release.publish import publish, strip


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and publish."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="checkpoint that training wrote")
    parser.add_argument("out", help="FOLDER/NAME, or a .safetensors file")
    parser.add_argument("--config", help="config file, for a checkpoint that has none stored")
    parser.add_argument("--data-set", help="data set for the card's licence note (default: the "
                        "config's)")
    options = parser.parse_args(args)
    if options.out.endswith(".safetensors"):
        if options.config or options.data_set:
            parser.error("--config and --data-set are for FOLDER/NAME")
        files = [strip(options.checkpoint, options.out)]
    else:
        published = publish(options.checkpoint, options.out, options.config, options.data_set)
        files = [published.torch_file, published.safetensors_file, published.card]
    for file in files:
        print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    run_tool(main, interrupted="a file whose name starts with a dot can be deleted")
