"""``aepose ceiling``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import CfgOptions, NotNegative, whole
from aepose.errors import UsageError


@command(example="aepose ceiling hrnet_w16_toy_256x256 --input-sizes 256 384 --strides 4 4,2",
         interrupted="no metrics were computed")
def ceiling(
    config: Annotated[str, Parameter(
        help="config file, name of a model of the zoo, or of a data set")], /, *,
    annotations: Annotated[str | None, Parameter(
        metavar="FILE", help="COCO-format annotation file (default: the config's test file)")
    ] = None,
    input_sizes: Annotated[list[str] | None, Parameter(
        metavar="N[,N]", consume_multiple=1,
        help="sizes of the network input: 512 is the side of a square, 768,512 width and height "
        "(default: the config's)")] = None,
    strides: Annotated[list[str] | None, Parameter(
        metavar="N[,N]", consume_multiple=1,
        help="input pixels per map cell, of each output: 4 is HRNet's, 4,2 HigherHRNet's (default: "
        "the config's)")] = None,
    conventions: Annotated[list[Literal["classic", "udp"]] | None, Parameter(
        consume_multiple=1, help="pixel conventions, with maps joined as published configs do "
        "(default: the config's)")] = None,
    heatmap_noise: Annotated[NotNegative, Parameter(
        metavar="SD", help="add normal noise to heatmaps, whose peaks are 1")] = 0.0,
    tag_noise: Annotated[NotNegative, Parameter(
        metavar="SD", help="add normal noise to tags")] = 0.0,
    cfg_options: CfgOptions = None,
) -> None:
    """Print the AP that perfect maps give.

    No network and no pictures are needed: people of the annotation file are drawn as heatmaps and
    tags, decoded and evaluated. Several sizes, strides or conventions give a row for each
    combination.
    """
    from aepose.analysis.ceiling import MapNoise, variants
    from aepose.analysis.ceiling import ceiling as ceiling_of
    from aepose.evaluation import format_scores
    from aepose.experiment import experiment_of_dataset
    from aepose.progress import progress_bar

    sizes = [size if len(size) > 1 else size[0] for size in (
        _numbers(text, "--input-sizes") for text in input_sizes or ())]
    outputs = [_numbers(text, "--strides") for text in strides or ()]
    experiment = experiment_of_dataset(config, cfg_options or ())
    noise = MapNoise(heatmap_noise, tag_noise)
    cases = list(variants(experiment, sizes, outputs, conventions or ()))
    rows = {}
    with progress_bar("decoding perfect maps", len(cases)) as show:
        for number, (name, case) in enumerate(cases):
            rows[name] = ceiling_of(case, annotations, noise,
                                    lambda done, total, n=number: show(n + done / total))
    print(format_scores(rows))


def _numbers(text: str, option: str) -> tuple[int, ...]:
    """Read whole numbers with commas between them, such as 4,2."""
    try:
        return tuple(map(whole(1), text.split(",")))
    except ValueError as error:
        raise UsageError(f"Invalid value for {option}: {error}") from None
