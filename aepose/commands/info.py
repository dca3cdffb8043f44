"""``aepose info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import CfgOptions

if TYPE_CHECKING:
    from aepose.analysis.model_info import ModelInfo

_HEADER = ("config", "parameters", "GMACs", "input", "outputs", "activations")


@command(example="aepose info hrnet_w32_coco_512x512 higherhrnet_w32_coco_512x512",
         interrupted="the rows above are complete")
def info(
    *configs: Annotated[str, Parameter(
        name="CONFIG", help="config files, or names of models of the zoo (default: all of them)")],
    cfg_options: CfgOptions = None,
) -> None:
    """Print what networks cost: parameters, multiply-accumulates, memory."""
    from aepose.analysis.model_info import model_info
    from aepose.experiment import Experiment
    from aepose.zoo.index import config_files

    names = configs or sorted(config_files(), key=config_files().get)
    width = max(len(Path(name).stem) for name in names)
    print(_row(_HEADER, width))
    for name in names:
        found = model_info(Experiment.load(name, cfg_options or ()))
        print(_row(_cells(Path(name).stem, found), width), flush=True)


def _cells(name: str, found: ModelInfo) -> tuple[str, ...]:
    return (
        name, f"{found.parameters / 1e6:.2f} M", f"{found.gmacs:.1f}", _shape(found.input_shape),
        " ".join(map(_shape, found.output_shapes)), f"{found.activation_bytes / 2**20:.0f} MiB",
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _row(cells: tuple[str, ...], width: int) -> str:
    name, parameters, gmacs, size, outputs, memory = cells
    return f"{name:<{width}} {parameters:>11} {gmacs:>7} {size:>10} {memory:>12}  {outputs}"
