"""``aepose rescore``: train, apply."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import (
    Annotations,
    Category,
    CfgOptions,
    Results,
    Seed,
    check_other_file,
)
from aepose.errors import UsageError


@command(
    example="aepose rescore train found.json annotations.json --out model.safetensors",
    interrupted="nothing was written")
def train(
    results: Results, annotations: Annotations, /, *,
    out: Annotated[str, Parameter(metavar="FILE", help="model to write (.safetensors)")],
    dataset: Annotated[str, Parameter(
        metavar="NAME", help="whose keypoints: a data set or model of the zoo, or a config file"
    )] = "coco",
    seed: Annotated[Seed, Parameter(help="of the first weights, and of the order")] = 0,
    category: Category = None,
    cfg_options: CfgOptions = None,
) -> None:
    """Learn from people found and annotated what OKS a person can be expected to have."""
    if Path(out).suffix != ".safetensors":
        raise UsageError(f"--out {out}: the model is a .safetensors file")

    from aepose.evaluation import load_records
    from aepose.experiment import choose_category, coco_metrics, experiment_of_dataset
    from aepose.files import make_folder
    from aepose.rescoring import Rescorer

    experiment = choose_category(experiment_of_dataset(dataset, cfg_options or ()), category)
    metric = coco_metrics(experiment, annotations)[0]
    records = load_records(results, metric)
    rescorer = Rescorer.train(records, metric, results, seed)
    make_folder(Path(out).parent)
    rescorer.save(out)
    print(f"{out}: learnt from {len(records)} people"
          + (", with 'found' and 'tags'" if rescorer.extras else ""))


@command(
    example="aepose rescore apply found.json --model model.safetensors --out new.json",
    interrupted="nothing was written")
def apply(
    results: Results, /, *,
    model: Annotated[str, Parameter(metavar="FILE", help="what `aepose rescore train` wrote")],
    out: Annotated[str, Parameter(metavar="FILE", help="result file to write")],
) -> None:
    """Give the people of a result file learnt scores; their keypoints stay as they are."""
    check_other_file(results, out)

    from aepose.files import make_folder, write_json
    from aepose.rescoring import Rescorer
    from aepose.rescoring.rescorer import read_records

    rescored = Rescorer.load(model).apply(read_records(results), results)
    make_folder(Path(out).parent)
    write_json(Path(out), rescored)
    print(f"{out}: {len(rescored)} people")
