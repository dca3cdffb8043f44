"""What the training engine lacks: checkpoint safety, result files, the runner's assembly."""

from aepose.engine.hooks import PoseCheckpointHook, SaveResultsHook
from aepose.engine.runner import PoseRunner

__all__ = ["PoseCheckpointHook", "PoseRunner", "SaveResultsHook"]
