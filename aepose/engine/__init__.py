"""Extensions of the training engine: loops, hooks, whole checkpoints, guarded steps.

The parts of the engine that the API needs are handed on from here.
"""

from mmengine.dist import get_world_size, is_distributed, is_main_process
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import set_random_seed

from aepose.engine.amp import ScaledOptimWrapper
from aepose.engine.bad_step import BadStep, read_bad_step
from aepose.engine.checkpoint_hook import PoseCheckpointHook
from aepose.engine.early_stopping import PoseEarlyStoppingHook
from aepose.engine.eval_loop import PoseTestLoop, PoseValLoop
from aepose.engine.guard import GuardedOptimWrapper
from aepose.engine.panel import ValidationPanelHook
from aepose.engine.result_hooks import SaveResultsHook
from aepose.engine.runner import PoseRunner
from aepose.engine.train_loop import PoseTrainLoop

__all__ = ["BadStep", "DefaultScope", "GuardedOptimWrapper", "Hook", "PoseCheckpointHook",
           "PoseEarlyStoppingHook", "PoseRunner", "PoseTestLoop", "PoseTrainLoop", "PoseValLoop",
           "SaveResultsHook", "ScaledOptimWrapper", "ValidationPanelHook", "get_world_size",
           "is_distributed", "is_main_process", "read_bad_step", "set_random_seed"]
