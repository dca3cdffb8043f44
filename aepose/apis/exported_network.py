"""An exported network that is tested in place of what a config describes."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from aepose.codecs.decoder import Decoder
from aepose.errors import ConfigError
from aepose.experiment import Experiment
from aepose.metainfo import plain_metainfo
from aepose.runtime.description import Description
from aepose.runtime.network import ExportedNetwork
from aepose.structures import EvalSettings

_OF_THE_GRAPH = "flip", "project2image", "outputs", "outputs_first", "align_corners"
_EXPORT_OPTIONS = {"test_time.flip": "--flip", "test_time.scales": "--multi-scale"}


def exported_network(experiment: Experiment, path: str | Path) -> ExportedNetwork:
    """Return the network of a file, to be tested as the experiment says.

    With ``test_time.dtype`` OpenVINO runs it, which alone can compute in another type than the
    file's. Raises CheckpointError for a file that cannot be used, and ConfigError where it was
    exported to find people otherwise than the experiment does.
    """
    dtype = experiment.test_time.dtype
    network = ExportedNetwork(path, None if dtype is None else "openvino", dtype=dtype)
    description = network.description
    exported = _facts(description.decoder(), description)
    for key, wanted in _facts(experiment.codec, experiment.test_time).items():
        if exported.get(key) != wanted:
            raise ConfigError(
                f"{path} was exported with {key} = {exported.get(key)}, but the config says "
                f"{wanted}: export it again{_advice(key, wanted)}, or test it as it is, with "
                f"--cfg-options {key}={exported.get(key)}")
    return network


def _advice(key: str, wanted: Any) -> str:
    if key not in _EXPORT_OPTIONS:
        return ""
    asked = wanted is True or (isinstance(wanted, list) and len(wanted) > 1)
    return f" {'with' if asked else 'without'} {_EXPORT_OPTIONS[key]}"


def _facts(decoder: Decoder, settings: EvalSettings | Description) -> dict[str, Any]:
    """Return what the people found depend on, as plain values by their names in a config."""
    metainfo = plain_metainfo(decoder.metainfo)
    facts = {f"metainfo.{name}": value for name, value in metainfo.items()}
    facts |= {f"codec.{f.name}": getattr(decoder, f.name) for f in fields(Decoder)
              if f.name != "metainfo"}
    facts |= {"codec.input_size": decoder.train_size, "test_time.scales": sorted(settings.scales)}
    facts |= {f"test_time.{name}": getattr(settings, name) for name in _OF_THE_GRAPH}
    return json.loads(json.dumps(facts))
