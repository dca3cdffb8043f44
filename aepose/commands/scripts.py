"""``aepose scripts``."""

from __future__ import annotations

from pathlib import Path

from aepose.commands.describe import command

FOLDER = Path(__file__).parents[1] / "launch"


@command(example='"$(aepose scripts)/dist_train.sh" CONFIG 8 --work-dir work_dirs/run',
         interrupted="nothing was done")
def scripts() -> None:
    """Print the folder of the scripts that start several processes, by torchrun or by Slurm.

    dist_train.sh, dist_test.sh and slurm_train.sh; each says how it is used.
    """
    print(FOLDER)
