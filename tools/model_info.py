#!/usr/bin/env python3
"""Print what networks cost: ``python tools/model_info.py [CONFIG…]``; all zoo configs without."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import aepose.startup  # noqa: F401  before what takes long
from aepose.analysis.model_info import ModelInfo, model_info
from aepose.cli import add_options_argument, run_tool
from aepose.experiment import Experiment

CONFIGS = Path(__file__).parents[1] / "configs"
HEADER = ("config", "parameters", "GMACs", "input", "outputs", "activations")


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and print one row per config."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configs", nargs="*", metavar="CONFIG",
                        help="config files (default: all below configs/)")
    add_options_argument(parser)
    options = parser.parse_args(args)
    paths = options.configs or sorted(
        p for p in CONFIGS.glob("*/*.py") if p.parent.name != "_base_")
    width = max(len(Path(p).stem) for p in paths)
    print(_row(HEADER, width))
    for path in paths:
        info = model_info(Experiment.load(path, options.cfg_options))
        print(_row(_cells(Path(path).stem, info), width), flush=True)


def _cells(name: str, info: ModelInfo) -> tuple[str, ...]:
    return (
        name, f"{info.parameters / 1e6:.2f} M", f"{info.gmacs:.1f}", _shape(info.input_shape),
        " ".join(map(_shape, info.output_shapes)), f"{info.activation_bytes / 2**20:.0f} MiB",
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _row(cells: tuple[str, ...], width: int) -> str:
    name, parameters, gmacs, size, outputs, memory = cells
    return f"{name:<{width}} {parameters:>11} {gmacs:>7} {size:>10} {memory:>12}  {outputs}"


if __name__ == "__main__":
    run_tool(main, interrupted="the rows above are complete")
