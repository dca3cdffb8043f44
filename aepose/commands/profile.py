"""``aepose profile``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import (
    Amp,
    BatchSize,
    CfgOptions,
    Config,
    MultiScale,
    Positive,
    test_options,
)


@command(example="aepose profile hrnet_w16_toy_256x256 work_dirs/toy/best.pth --images 20",
         interrupted="nothing was measured")
def profile(
    config: Config,
    checkpoint: Annotated[str | None, Parameter(
        help="weights (default: random ones, with which hardly anybody is found)")] = None, /, *,
    images: Annotated[Positive, Parameter(
        help="so many of the test set, from its beginning")] = 50,
    multi_scale: MultiScale = False,
    batch_size: BatchSize = None,
    amp: Amp = False,
    out: Annotated[str | None, Parameter(
        metavar="DIR", help="write profile.png and profile.json there")] = None,
    cfg_options: CfgOptions = None,
) -> None:
    """Say where the time of a test goes."""
    from dataclasses import asdict

    from aepose.analysis.profile import draw_profile, format_profile, profile_test
    from aepose.drawing import write_image
    from aepose.experiment import Experiment
    from aepose.files import make_folder, write_json

    experiment = Experiment.load(config, test_options(cfg_options, amp))
    folder = make_folder(out) if out else None
    found = profile_test(experiment, checkpoint, images, multi_scale, batch_size)
    print(format_profile(found))
    if folder:
        write_image(folder / "profile.png", draw_profile(found))
        write_json(folder / "profile.json", asdict(found))
