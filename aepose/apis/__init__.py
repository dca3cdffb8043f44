"""The functions that users call: load_model, train, evaluate."""

from aepose.apis.evaluate import evaluate
from aepose.apis.inference import (
    TOY_CHECKPOINT,
    PoseInferencer,
    load_model,
)
from aepose.apis.train import dry_run, train
from aepose.images import list_images

__all__ = [
    "TOY_CHECKPOINT",
    "PoseInferencer",
    "dry_run",
    "evaluate",
    "list_images",
    "load_model",
    "train",
]
