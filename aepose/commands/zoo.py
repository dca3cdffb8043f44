"""``aepose zoo``: list, fetch, docs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.errors import ConfigError
from aepose.zoo.index import ModelEntry, list_models


@command(example="aepose zoo list 'higher*'", interrupted="nothing was done")
def list_(
    pattern: Annotated[str, Parameter(help="such as '*_udp', or a part of the name")] = "*", /,
) -> None:
    """Print the models whose name fits a pattern."""
    from aepose.release.zoo_tables import format_list

    print(format_list(_choose(pattern)))


@command(example="aepose zoo fetch higherhrnet_w32_coco_512x512",
         interrupted="the same command fetches the rest")
def fetch(
    pattern: Annotated[str, Parameter(help="as for list; '*' makes what a mirror folder needs")],
    /,
) -> None:
    """Download the published checkpoints of models."""
    from aepose.zoo.hub import fetch as get

    for model in _choose(pattern):
        if model.checkpoint:
            print(get(model.checkpoint))


@command(example="aepose zoo docs --out docs/model_zoo.md", interrupted="nothing was written")
def docs(
    *, out: Annotated[Path, Parameter(metavar="FILE", help="file to write")]
    = Path("docs/model_zoo.md"),
) -> None:
    """Write the page of the model zoo."""
    from aepose.files import write_text
    from aepose.release.zoo_tables import zoo_page

    write_text(out, zoo_page())
    print(f"{out}: written")


def _choose(pattern: str) -> list[ModelEntry]:
    models = list_models(pattern)
    if not models:
        raise ConfigError(f"no model's name fits '{pattern}'; `aepose zoo list` shows all")
    return models
