"""aepose: bottom-up human pose estimation with Associative Embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aepose.lazy import lazily
from aepose.version import __version__

if TYPE_CHECKING:
    from aepose.apis.evaluate import evaluate
    from aepose.apis.inference import PoseInferencer
    from aepose.apis.loading import load_model
    from aepose.apis.train import train
    from aepose.codecs.core import build_info
    from aepose.experiment import Experiment
    from aepose.exporting.export import export
    from aepose.metainfo import get_metainfo
    from aepose.models import create_backbone
    from aepose.results import PoseResult, read_results
    from aepose.zoo.index import ModelEntry, list_models

__all__, __getattr__, __dir__ = lazily(__name__, {
    "Experiment": "aepose.experiment",
    "ModelEntry": "aepose.zoo.index",
    "PoseInferencer": "aepose.apis.inference",
    "PoseResult": "aepose.results",
    "build_info": "aepose.codecs.core",
    "create_backbone": "aepose.models",
    "evaluate": "aepose.apis.evaluate",
    "export": "aepose.exporting.export",
    "get_metainfo": "aepose.metainfo",
    "list_models": "aepose.zoo.index",
    "load_model": "aepose.apis.loading",
    "read_results": "aepose.results",
    "train": "aepose.apis.train",
})
__all__ += ["__version__"]
