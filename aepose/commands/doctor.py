"""``aepose doctor``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import CfgOptions


@command(example="aepose doctor hrnet_w16_toy_256x256", interrupted="nothing was changed")
def doctor(
    config: Annotated[str | None, Parameter(
        help="config file, or name of a model of the zoo; without one the machine alone is looked "
        "at")] = None, /, *,
    cfg_options: CfgOptions = None,
) -> int:
    """Say whether a training can start, what would spoil it, and what to do.

    Looks at versions, GPU, compiled core, downloaded weights and disk; with a config also at the
    keypoint set, the annotations and the pictures. Nothing is written or downloaded.

    Exit status: 0 if training can start, 1 if it cannot.
    """
    from aepose.analysis.doctor import can_train, examine
    from aepose.analysis.findings import format_findings

    found = examine(config, cfg_options or ())
    print(format_findings(found))
    ready = can_train(found)
    if not ready:
        print("\nTraining cannot start: see the errors above.")
    elif config:
        print(f"\nTraining can start; `aepose train {config} --dry-run` tries a step.")
    return 0 if ready else 1
