"""The model zoo for reading: a list for the terminal, and the page ``docs/model_zoo.md``."""

from __future__ import annotations

from collections.abc import Sequence

from aepose.tables import format_table
from aepose.zoo.index import DatasetEntry, ModelEntry, Scales, datasets, list_models

_SCALES: tuple[Scales, ...] = ("single-scale", "multi-scale")
_INTRODUCTION = """\
# Model zoo

`aepose zoo docs` writes this page; its data is `aepose/assets/model_zoo.json`.

- *Published* numbers are those of the tables of MMPose 0.29.0 for the checkpoint named here.
- *Measured* numbers come from the same checkpoint and data, run with aepose; they are left empty
  where nobody has measured.
- Every test flips. Single-scale is scale 1; the scales of multi-scale stand above each table.
- GMACs are 10⁹ multiply-accumulates of one forward pass at the input size.

```python
import aepose
model = aepose.load_model('higherhrnet_w32_coco_512x512')    # downloads the checkpoint once
```

Checkpoints are kept in `~/.cache/aepose/checkpoints` (`AEPOSE_HOME` changes `~/.cache/aepose`), and
their SHA-256 is checked. `AEPOSE_MIRROR` names a folder or base URL to ask first. A file can also
be put into the folder by hand.
"""

# Published by its authors, in no table of MMPose: (columns, rows) per data set, a row being config,
# test, metrics and HigherHRNet's AP in the same tables.
_SWAHR_TABLES = (
    (("COCO val2017", "AP", "AP50", "AP75", "AP(medium)", "AP(large)"), (
        ("coco/swahr_w32_coco_512x512", "single-scale", 0.689, 0.878, 0.749, 0.630, 0.774, 0.671),
        ("coco/swahr_w32_coco_512x512", "multi-scale", 0.714, 0.889, 0.778, 0.663, 0.789, 0.699),
        ("coco/swahr_w48_coco_640x640", "single-scale", 0.708, 0.885, 0.768, 0.663, 0.774, 0.699),
        ("coco/swahr_w48_coco_640x640", "multi-scale", 0.732, 0.898, 0.791, 0.691, 0.793, 0.721))),
    (("CrowdPose test", "AP", "AP50", "AP75", "AP(E)", "AP(M)", "AP(H)"), (
        ("crowdpose/swahr_w48_crowdpose_640x640", "single-scale",
         0.716, 0.885, 0.776, 0.789, 0.724, 0.630, 0.659),
        ("crowdpose/swahr_w48_crowdpose_640x640", "multi-scale",
         0.738, 0.905, 0.799, 0.812, 0.747, 0.647, 0.676))),
)
_SWAHR = """\
## SWAHR

HigherHRNet trained towards [scale-adaptive heatmaps](training.md#scale-adaptive-heatmaps). All
numbers are *published*, by its authors (greatlog/SWAHR-HumanPose, commit 7555826); nobody has
measured them with aepose. HigherHRNet's AP is from the same tables, and lower there than
above. Checkpoints are on Google Drive and Baidu alone, without a hash, so they are not
downloaded by name: get one by hand and give it with the config. The names in it are
[translated](../aepose/weights/original_names.py), as are those of the original HigherHRNet.

```
aepose test swahr_w32_coco_512x512 downloaded.pth
```
"""
_DOUBT = """
The numbers on CrowdPose are doubted. In issue 9 of the authors' repository, open and without an
answer, a user reports AP 0.627 after training with the unchanged code, where the table says 0.716;
another got 0.623 with HigherHRNet, where its table says 0.659. Possibly the authors started from a
network that was trained on COCO. Do not take 0.716 as what this config gives.
"""


def format_list(models: Sequence[ModelEntry]) -> str:
    """Return a table with a row per model."""
    header = ["model", "data set", "input", "AP", "AP multi", "parameters", "GMACs", "checkpoint"]
    rows = [[model.name, model.dataset, str(model.input_size), _metric(model.ap()),
             _metric(model.ap("multi-scale")), f"{model.parameters / 1e6:.2f} M", _gmacs(model),
             model.checkpoint or "-"] for model in models]
    return format_table(header, rows, left=(0, 1, 7))


def zoo_page() -> str:
    """Return the page of the whole zoo as Markdown: a table per data set."""
    parts = [_INTRODUCTION]
    for name, dataset in datasets().items():
        models = [model for model in list_models() if model.dataset == name]
        if models:
            parts.append(_section(dataset, models))
    parts.append(_swahr_section())
    return "\n".join(parts)


def _section(dataset: DatasetEntry, models: Sequence[ModelEntry]) -> str:
    columns = list(dataset.columns)
    header = ["model", "input", "test", *columns, *(f"measured {c}" for c in columns),
              "parameters", "GMACs", "checkpoint"]
    rows = [_row(model, scales, columns) for model in models for scales in _SCALES
            if scales == "single-scale" or scales in model.published or scales in model.measured]
    scales = ", ".join(f"{scale:g}" for scale in dataset.multi_scales)
    return (f"## {dataset.title}\n\n{dataset.keypoints} keypoints; multi-scale: {scales}. "
            f"{dataset.licence}\n\n"
            + format_table(header, rows, left=(0, 2, len(header) - 1)) + "\n")


def _swahr_section() -> str:
    tables = []
    for (dataset, *columns), rows in _SWAHR_TABLES:
        header = [dataset, "test", *columns, "HigherHRNet's AP"]
        cells = [[f"[{config.partition('/')[2]}](../configs/{config}.py)", test,
                  *map(_metric, metrics)] for config, test, *metrics in rows]
        tables.append(f"\n{format_table(header, cells, left=(0, 1))}\n")
    return "".join([_SWAHR, *tables, _DOUBT])


def _row(model: ModelEntry, scales: Scales, columns: Sequence[str]) -> list[str]:
    published = model.published.get(scales, {})
    measured = model.measured.get(scales, {})
    checkpoint = f"[{model.checkpoint}]({model.url})" if model.url else "-"
    return [f"[{model.name}](../{model.config})", str(model.input_size), scales.split("-")[0],
            *(_metric(published.get(column)) for column in columns),
            *(_metric(measured.get(column), "") for column in columns),
            f"{model.parameters / 1e6:.2f} M", _gmacs(model), checkpoint]


def _metric(value: float | None, none: str = "-") -> str:
    return none if value is None else f"{value:.3f}"


def _gmacs(model: ModelEntry) -> str:
    return "-" if model.gmacs is None else f"{model.gmacs:.1f}"
