"""``aepose publish``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import check_other_file
from aepose.errors import UsageError


@command(example="aepose publish work_dirs/toy/best.pth outputs/toy_net",
         interrupted="a file whose name starts with a dot can be deleted")
def publish(
    checkpoint: Annotated[str, Parameter(help="checkpoint that training wrote")],
    out: Annotated[str, Parameter(help="FOLDER/NAME, or a .safetensors file")], /, *,
    config: Annotated[str | None, Parameter(
        help="config file, for a checkpoint that has none stored")] = None,
    data_set: Annotated[str | None, Parameter(
        help="data set for the card's licence note (default: the config's)")] = None,
) -> None:
    """Make a checkpoint ready to hand out.

    Writes NAME-HASH.pth, NAME-HASH.safetensors and a model card, without optimiser and logs. With
    OUT.safetensors instead, only that file.
    """
    if out.endswith(".safetensors") and (config or data_set):
        raise UsageError("--config and --data-set are for FOLDER/NAME")
    check_other_file(checkpoint, out)

    from aepose.release.publish import publish as write_all
    from aepose.release.publish import strip

    if out.endswith(".safetensors"):
        files = [strip(checkpoint, out)]
    else:
        published = write_all(checkpoint, out, config, data_set)
        files = [published.torch_file, published.safetensors_file, published.card]
    for file in files:
        print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")
