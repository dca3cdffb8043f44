"""Publish a training checkpoint: weights in two formats, and a model card."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aepose.errors import CheckpointError, ConfigError, DataError, nearest
from aepose.evaluation.metric import split_scores
from aepose.evaluation.report import Evaluation
from aepose.experiment import Experiment
from aepose.experiment.config import portable, readable
from aepose.files import make_folder, sha256_of, whole_file, write_text
from aepose.weights.checkpoint import count_parameters, read_checkpoint, save_safetensors
from aepose.zoo.index import datasets

_CARD = """\
# {name}

A bottom-up pose network with Associative Embedding: {backbone}, keypoints of `{metainfo}`,
{parameters:.2f} M parameters{epoch}. The optimiser is left out.

| file | SHA-256 |
| ---- | ------- |
{files}

## Load it

```python
import aepose
model = aepose.load_model(checkpoint='{checkpoint}')
```

## Metrics

{metrics}

## Data

{licence}

## Config

```python
{config}
```
"""


@dataclass(frozen=True)
class Published:
    """The files that :func:`publish` wrote."""

    torch_file: Path
    safetensors_file: Path
    card: Path


def strip(checkpoint: str | Path, out: str | Path) -> Path:
    """Write the weights of a checkpoint and their config to exactly ``out``, as safetensors.

    Optimiser and logs are left out. Raises CheckpointError if the checkpoint cannot be read or
    ``out`` is no .safetensors file.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise CheckpointError(f"{out}: stripped weights are written as .safetensors")
    content = read_checkpoint(checkpoint)
    make_folder(out.parent)
    save_safetensors(out, content["state_dict"], _public_meta(content["meta"]))
    return out


def publish(
    checkpoint: str | Path,
    out: str | Path,
    config: str | Path | None = None,
    data_set: str | None = None,
) -> Published:
    """Write ``NAME-HASH.pth``, ``NAME-HASH.safetensors`` and a model card for a checkpoint.

    out: FOLDER/NAME; HASH is the first eight hex digits of each file's SHA-256, the card has that
        of the .pth
    config: a config file, for a checkpoint that has none stored
    data_set: for the licence note, a data set that aepose knows, or 'toy'; None takes the config's

    The card takes metrics from ``metrics.json`` beside the checkpoint, if they are of its epoch.
    Raises CheckpointError for a checkpoint that cannot be read or has no config, ConfigError for
    an unknown data set, DataError for a folder and OutputError for a file that cannot be written.
    """
    out = Path(out)
    if out.suffix in (".pth", ".safetensors"):
        raise CheckpointError(f"{out}: give FOLDER/NAME without {out.suffix}; hash and suffix are "
                              "added")
    content = read_checkpoint(checkpoint)
    experiment = (Experiment.of_checkpoint(content["meta"], checkpoint) if config is None
                  else Experiment.load(config))
    meta = _public_meta({**content["meta"], "aepose_config": json.dumps(experiment.to_dict())})
    licence = licence_note(experiment, data_set)
    make_folder(out.parent)
    state = content["state_dict"]
    parts = [out.with_name(f".{out.name}{suffix}") for suffix in (".pth", ".safetensors")]
    with whole_file(parts[0]) as part, part.open("wb") as file:
        torch.save({"state_dict": state, "meta": meta}, file)
    save_safetensors(parts[1], state, meta)
    files = [_named_by_hash(part, out) for part in parts]
    card = files[0].with_suffix(".md")
    metrics = _metrics(checkpoint, meta)
    write_text(card, _card(experiment, out.name, files, state, meta, metrics, licence))
    return Published(*files, card)


def _public_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what others need of a checkpoint's meta: the config, without paths, and the epoch."""
    config = meta.get("aepose_config")
    return {**({} if config is None else {"aepose_config": portable(config)}),
            "epoch": meta.get("epoch")}


def _named_by_hash(part: Path, out: Path) -> Path:
    """Rename a written file to NAME-HASH with its suffix."""
    target = out.with_name(f"{out.name}-{sha256_of(part)[:8]}{part.suffix}")
    os.replace(part, target)
    return target


def licence_note(experiment: Experiment, data_set: str | None = None) -> str:
    """Return the licence note of the data that a network was trained on.

    data_set: one that aepose knows, or 'toy'; None: that of the config

    Raises ConfigError for an unknown one.
    """
    known = datasets()
    if data_set is not None and data_set not in known:
        raise ConfigError(f"data set '{data_set}' is unknown" + nearest(data_set, known))
    # Toy people have COCO's keypoints: only their folder tells them apart.
    toy = experiment.data_root.name.startswith("toy")
    name = data_set or ("toy" if toy else experiment.metainfo.name)
    if name not in known:
        return f"Trained on data that aepose does not know (`{name}`): state its licence here."
    return known[name].licence


def _metrics(checkpoint: str | Path, meta: Mapping[str, Any]) -> str:
    """Return the metrics beside a checkpoint as a table, if they are its own."""
    path = Path(checkpoint).parent / "metrics.json"
    if not path.is_file():
        return "Not measured."
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        epoch, stage, metrics = summary["epoch"], summary["stage"], summary["metrics"]
        scores = split_scores(metrics, summary["columns"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not what a run writes ({error}); delete or move it") from None
    if epoch != meta.get("epoch"):
        return "Not measured."
    return Evaluation(metrics, scores).table(stage)


def _card(
    experiment: Experiment,
    name: str,
    files: list[Path],
    state: Mapping[str, torch.Tensor],
    meta: Mapping[str, Any],
    metrics: str,
    licence: str,
) -> str:
    epoch = meta.get("epoch")
    return _CARD.format(
        name=name,
        backbone=experiment.backbone,
        metainfo=experiment.metainfo.name,
        parameters=count_parameters(state) / 1e6,
        epoch=f", epoch {epoch}" if epoch else "",
        files="\n".join(f"| {file.name} | `{sha256_of(file)}` |" for file in files),
        checkpoint=files[0].name,
        metrics=metrics,
        licence=licence,
        config=readable(meta["aepose_config"]),
    )
