"""state_dicts.json.gz, procedural_check.json and forward.npz/.json."""

import zlib
from pathlib import Path

import numpy as np
import torch

from aepose.experiment import Experiment
from tests.goldens.common import Options, Tally, read_json
from tests.goldens.weights import procedural_value, set_procedural_weights

CONFIGS = Path(__file__).parents[2] / "configs"


def find_config(name: str) -> Path | None:
    """Return our config of a published name, if there is one."""
    return next(CONFIGS.glob(f"*/{name}.py"), None)


def random_images(case: dict) -> torch.Tensor:
    """Return the (N, 3, H, W) input that a case was computed from."""
    rng = np.random.default_rng(case["x_seed"])
    return torch.from_numpy(rng.standard_normal(case["x_shape"]).astype(np.float32))


def check_state_dicts(folder: Path, options: Options) -> Tally:
    """Names, shapes and order of every config's parameters; the difference counts unlike ones."""
    golden, tally = read_json(folder / "state_dicts.json.gz"), Tally()
    for name, facts in golden["configs"].items():
        path = find_config(name)
        if path is None:
            tally.add(name, float("inf"), 0)  # no such config
            continue
        expected = [(key, list(shape)) for key, shape in golden["state_dicts"][facts["state_dict"]]]
        # Names and shapes need no memory and no random numbers.
        with torch.device("meta"):
            model = Experiment.load(path).network()
        actual = [(key, list(value.shape)) for key, value in model.state_dict().items()]
        unlike = sum(a != e for a, e in zip(actual, expected, strict=False))
        count = sum(p.numel() for p in model.parameters())
        tally.add(name, unlike + abs(len(actual) - len(expected))
                  + abs(count - facts["num_parameters"]), 0)
    return tally


def check_procedural(folder: Path, options: Options) -> Tally:
    """The weights rule itself, entry by entry; networks need not exist for it."""
    tally = Tally()
    for name, facts in read_json(folder / "procedural_check.json").items():
        for key, entry in facts["entries"].items():
            salt = facts.get("salt", "") if options.salt is None else options.salt
            value = procedural_value(key, tuple(entry["shape"]), facts["final_factor"], salt)
            tally.add(f"{name}.{key}", float(zlib.crc32(value.tobytes()) != entry["crc32"]), 0)
    return tally


def check_forward(folder: Path, options: Options) -> Tally:
    """Raw outputs of every network; differences relative to the output's largest value."""
    golden, arrays = read_json(folder / "forward.json"), np.load(folder / "forward.npz")
    tally = Tally()
    for name, case in golden.items():
        path = find_config(name)
        if path is None:
            tally.add(name, float("inf"), 0)  # no such config
            continue
        model = Experiment.load(path).network().eval()
        salt = case.get("salt", "") if options.salt is None else options.salt
        set_procedural_weights(model, case["final_factor"], salt)
        with torch.no_grad():
            outputs = model(random_images(case))
        worst = float("inf") if len(outputs) != len(case["outputs"]) else 0.0
        for index, (output, facts) in enumerate(zip(outputs, case["outputs"], strict=False)):
            expected = arrays[f"{name}.out{index}"]
            same = list(output.shape) == facts["shape"]
            actual = output.numpy().reshape(-1)[:: facts["stride"]]
            error = np.abs(actual - expected).max() / facts["absmax"] if same else np.inf
            worst = max(worst, float(error))
        tally.add(name, worst, 1e-4)
    return tally
