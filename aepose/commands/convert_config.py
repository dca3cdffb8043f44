"""``aepose convert-config``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import check_other_file


@command(example="aepose convert-config higherhrnet_w32_coco_512x512.py --out new.py",
         interrupted="nothing was written")
def convert_config(
    old: Annotated[str, Parameter(help="config file of MMPose 0.x")], /, *,
    out: Annotated[str | None, Parameter(
        metavar="FILE", help="config file to write (default: the old name with _aepose, in the "
        "current folder)")] = None,
    trust: Annotated[bool, Parameter(
        help="run the old file, which is code; otherwise it is read without being run")] = False,
) -> int:
    """Turn a config of MMPose 0.x into one of aepose.

    What is not carried over is listed with the reason. A training that would be another one is left
    out: the config then serves for tests alone, and the exit status is 1.
    """
    import os
    from pathlib import Path

    import torch

    from aepose.errors import ConfigError, UsageError
    from aepose.experiment import Experiment
    from aepose.files import write_text
    from aepose.migration import config_text, convert_file, listed

    path = Path(old)
    if not os.path.isfile(path):  # unlike Path.is_file, also for a name that is too long
        raise ConfigError(f"config {path} does not exist")
    target = Path(out or f"{path.stem}_aepose.py")
    if target.suffix != ".py":
        raise UsageError(f"--out {target}: the name of a config file ends in .py")
    check_other_file(old, str(target))
    found = convert_file(path, trust)
    try:
        with torch.device("meta"):  # without memory for the weights
            Experiment(found.config).network()
    except ConfigError as error:
        raise ConfigError(f"config {path}: what it says was converted, but not all that MMPose 0.x "
                          f"has is here: {error}") from None
    write_text(target, config_text(found, path))
    print(f"{target}: written")
    if found.notes:
        print(f"not carried over, and without an effect:{listed(found.notes)}")
    if found.training:
        print(f"not converted; {target} can be tested, not trained:{listed(found.training)}")
    return 1 if found.training else 0
