"""``aepose browse``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import CfgOptions, Config, Positive, Seed


@command(example="aepose browse hrnet_w16_toy_256x256 --count 4",
         interrupted="the pictures already written are whole")
def browse(
    config: Config, /, *,
    split: Annotated[Literal["train", "val"], Parameter(
        help="train: augmented, with the loss mask, heatmaps and tag indices; val: the test scales"
    )] = "train",
    count: Annotated[Positive, Parameter(help="number of samples")] = 16,
    out: Annotated[str, Parameter(metavar="DIR", help="folder to write")] = "outputs/browse",
    seed: Annotated[Seed, Parameter(help="which samples, and their augmentation")] = 0,
    cfg_options: CfgOptions = None,
) -> None:
    """Draw what the network is fed."""
    from aepose.datasets.sampler import some_draws
    from aepose.drawing import write_image
    from aepose.experiment import Experiment
    from aepose.files import free_name, make_folder
    from aepose.progress import progress_bar
    from aepose.visualization.samples import draw_sample

    experiment = Experiment.load(config, cfg_options or ())
    dataset = experiment.dataset(split)
    folder = make_folder(out)
    draws = some_draws(len(dataset), count, seed)
    taken: set[str] = set()
    with progress_bar("drawing samples", len(draws)) as show:
        for done, draw in enumerate(draws, start=1):
            drawing, stem = draw_sample(dataset, draw, experiment.metainfo)
            write_image(folder / f"{free_name(stem, taken)}.png", drawing)
            show(done)
    print(f"{len(draws)} of {len(dataset)} samples: {folder}")
