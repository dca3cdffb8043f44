"""aepose: bottom-up human pose estimation with Associative Embedding."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from aepose.version import __version__

if TYPE_CHECKING:
    from aepose.apis.evaluate import evaluate
    from aepose.apis.inference import PoseInferencer, load_model
    from aepose.apis.train import train
    from aepose.codecs.core import build_info
    from aepose.experiment import Experiment
    from aepose.metainfo import get_metainfo
    from aepose.models import create_backbone
    from aepose.results import PoseResult, read_results
    from aepose.zoo.index import ModelEntry, list_models

__all__ = ["Experiment", "ModelEntry", "PoseInferencer", "PoseResult", "__version__", "build_info",
           "create_backbone", "evaluate", "get_metainfo", "list_models", "load_model",
           "read_results", "train"]

# Imported when they are first asked for, so that `import aepose` does not wait for PyTorch.
_LAZY = {
    "Experiment": "aepose.experiment",
    "ModelEntry": "aepose.zoo.index",
    "PoseInferencer": "aepose.apis.inference",
    "PoseResult": "aepose.results",
    "build_info": "aepose.codecs.core",
    "create_backbone": "aepose.models",
    "evaluate": "aepose.apis.evaluate",
    "get_metainfo": "aepose.metainfo",
    "list_models": "aepose.zoo.index",
    "load_model": "aepose.apis.inference",
    "read_results": "aepose.results",
    "train": "aepose.apis.train",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'aepose' has no attribute '{name}'")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
