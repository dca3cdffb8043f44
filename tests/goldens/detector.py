"""aggregate.npz/.json and e2e.json.gz: images through network and aggregation.

Aggregated maps are compared, not the people in them: the maps of these networks of random weights
are flat, so that their seventh digit, which depends on the machine, decides who is found. People
are compared in trained_toy.json.gz.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from aepose.datasets import collate_eval
from aepose.datasets.transforms import make_eval_item
from aepose.experiment import Experiment
from aepose.images import read_image
from aepose.models import AssociativeEmbedding
from aepose.structures import EvalItem
from tests.goldens.common import Options, Tally, difference, read_json
from tests.goldens.networks import find_config
from tests.goldens.resize import find_image
from tests.goldens.weights import set_procedural_weights

MAPS = 1e-4  # of the largest value


def _detector(name: str, case: dict, options: Options, flip: bool) -> AssociativeEmbedding | None:
    path = find_config(name)
    if path is None:
        return None
    cfg = Experiment.load(path, [f"codec.input_size={case['image_size']}", f"test_time.flip={flip}",
                             f"test_time.scales={case['test_scale_factor']}"])
    model = cfg.network().eval()
    salt = case.get("salt", "") if options.salt is None else options.salt
    set_procedural_weights(model, case["final_factor"], salt)
    return model


def _aggregated_maps(
    model: AssociativeEmbedding, path: Path
) -> tuple[dict[str, torch.Tensor], EvalItem]:
    """Return 'heatmap' (K, H, W) and 'tag' (K, H, W, L) of one picture, and its sizes."""
    item = make_eval_item(read_image(path), model.codec, model.test_time.scales,
                          image_path=str(path))
    images = model.data_preprocessor(collate_eval([item]))["images"]
    with torch.no_grad():
        heatmaps, tags = model.aggregate(images, item)
    return {"heatmap": heatmaps[0], "tag": tags[0]}, item


def check_aggregate(folder: Path, options: Options) -> Tally:
    """Aggregated maps over outputs, flip and scales, value by value."""
    golden, arrays = read_json(folder / "aggregate.json"), np.load(folder / "aggregate.npz")
    tally = Tally()
    for key, case in list(golden.items())[:: options.every]:
        path = find_image(options.data, case["image"])
        model = _detector(key.split("|")[0], case, options, case["flip_test"]) if path else None
        if model is None:
            tally.skip(key, "no such config yet" if path else "picture is not here")
            continue
        aggregated, item = _aggregated_maps(model, path)
        tally.add(f"{key}.sizes", _sizes(item, case), 1e-6)
        step = case["sub_stride"]
        for name, maps in aggregated.items():
            facts = case[f"{name}s"]
            same = list(maps[None].shape) == facts["shape"]
            part = maps[:, ::step, ::step].numpy()
            error = difference(part, arrays[f"{key}.{name}_sub"]) if same else float("inf")
            tally.add(f"{key}.{name}", error / facts["absmax"], MAPS)
    return tally


def check_e2e(folder: Path, options: Options) -> Tally:
    """Mean, deviation and largest value of each test picture's aggregated maps."""
    tally = Tally()
    for key, case in read_json(folder / "e2e.json.gz").items():
        paths = [find_image(options.data, facts["image"]) for facts in case["images"]]
        model = _detector(case["config"], case, options, case["flip_test"]) if all(paths) else None
        if model is None:
            tally.skip(key, "no such config yet" if all(paths) else "pictures are not here")
            continue
        for facts, path in zip(case["images"], paths, strict=True):
            aggregated, item = _aggregated_maps(model, path)
            tally.add(f"{key}.{path.name}.sizes", _sizes(item, facts), 1e-6)
            for name, maps in aggregated.items():
                tally.add(f"{key}.{path.name}.{name}", _statistics(maps, facts[name]), MAPS)
    return tally


def _sizes(item: EvalItem, facts: dict[str, Any]) -> float:
    """Worst difference of the sizes that map coordinates back to the picture."""
    return max(difference(getattr(item, name), facts[name])
               for name in ("base_size", "center", "scale"))


def _statistics(maps: torch.Tensor, facts: dict[str, float]) -> float:
    """Worst difference of mean, deviation (n - 1) and largest value, relative to the latter."""
    found = maps.double()
    values = {"mean": found.mean(), "std": found.std(), "absmax": found.abs().max()}
    return max(abs(float(values[name]) - facts[name]) for name in values) / facts["absmax"]
