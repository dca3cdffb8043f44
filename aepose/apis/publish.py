"""Turning a training checkpoint into a small file to hand out."""

from __future__ import annotations

import json
from pathlib import Path

from aepose.engine.checkpoint import read_checkpoint, save_safetensors
from aepose.errors import CheckpointError

# Where a run kept its files says nothing to others.
_LOCAL_KEYS = ("work_dir", "load_from", "resume")


def publish(checkpoint: str | Path, out: str | Path) -> Path:
    """Write the weights of a training checkpoint and the config they belong to as safetensors.

    Optimiser and logs are left out. Raises CheckpointError if the checkpoint cannot be read or
    ``out`` is no .safetensors file.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise CheckpointError(f"{out}: published weights are written as .safetensors")
    content = read_checkpoint(checkpoint)
    config = json.loads(content["meta"].get("aepose_config", "{}"))
    config = {key: value for key, value in config.items() if key not in _LOCAL_KEYS}
    meta = {"aepose_config": json.dumps(config), "epoch": content["meta"].get("epoch")}
    out.parent.mkdir(parents=True, exist_ok=True)
    save_safetensors(out, content["state_dict"], meta)
    return out
