"""What the training engine lacks: checkpoint safety, result files, the runner's assembly.

The parts of the engine that the API needs are handed on from here.
"""

from mmengine.hooks import Hook
from mmengine.runner import set_random_seed

from aepose.engine.hooks import PoseCheckpointHook, SaveResultsHook
from aepose.engine.panel import ValidationPanelHook
from aepose.engine.runner import PoseRunner

__all__ = ["Hook", "PoseCheckpointHook", "PoseRunner", "SaveResultsHook",
           "ValidationPanelHook", "set_random_seed"]
