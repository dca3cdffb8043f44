"""Options of MMPose 0.x's train.py and test.py, and what has their place here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from aepose.errors import UsageError

_TORCHRUN = "start several processes by torchrun --nproc-per-node N -m aepose {}"
_GPUS = "CUDA_VISIBLE_DEVICES=2 chooses a GPU; for several, torchrun --nproc-per-node N"
_BOTH = {
    "--launcher": _TORCHRUN + ", or on a Slurm cluster the scripts of `aepose scripts`",
    "--local_rank": "torchrun sets it",
    "--local-rank": "torchrun sets it",
    "--options": "--cfg-options, with our keys (docs/from_mmpose.md)",
    "--gpus": _GPUS,
    "--gpu-ids": _GPUS,
    "--gpu-id": _GPUS,
}
OLD_OPTIONS = {
    "train": _BOTH | {
        "--resume-from": "--resume PATH (for weights of MMPose: --cfg-options load_from=PATH)",
        "--no-validate": "--cfg-options val_dataloader=None val_evaluator=None "
                         "default_hooks.checkpoint.save_best=None",
        "--deterministic": "--cfg-options randomness.deterministic=True",
        "--diff_seed": "--cfg-options randomness.diff_rank_seed=True",
        "--diff-seed": "--cfg-options randomness.diff_rank_seed=True",
        "--autoscale-lr": "--auto-scale-lr, with auto_scale_lr.base_batch_size in the config",
    },
    "test": _BOTH | {
        "--eval": "nothing: average precision is always computed",
        "--fuse-conv-bn": "nothing: it is always done (test_time.faster=False does not)",
        "--gpu_collect": "nothing: results are always brought together",
        "--gpu-collect": "nothing: results are always brought together",
        "--tmpdir": "nothing: results are always brought together",
    },
}
"""Command -> option of the old script -> what to write instead."""


def check_old_options(arguments: Sequence[str]) -> None:
    """Raise UsageError, in one line, for options of MMPose 0.x, with what replaces each."""
    known = OLD_OPTIONS.get(arguments[0], {}) if arguments else {}
    names = dict.fromkeys(argument.partition("=")[0] for argument in arguments)
    found = [f"{name}: {known[name].format(arguments[0])}" for name in names if name in known]
    if arguments[:1] == ["test"] and (file := _old_out(arguments)):
        found.append(f"--out {file}: --out DIR, a folder for predictions.json and metrics.json")
    if found:
        raise UsageError("of MMPose 0.x, and here instead: " + "; ".join(found))


def _old_out(arguments: Sequence[str]) -> str | None:
    """Return the file that ``--out`` names, if it does."""
    pairs = [argument.split("=", 1) for argument in arguments if argument.startswith("--out=")]
    pairs += [list(pair) for pair in pairwise(arguments) if pair[0] == "--out"]
    return next((file for _, file in pairs if file.endswith((".json", ".pkl", ".yml", ".yaml"))),
                None)
