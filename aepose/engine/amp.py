"""Loss scaling for training in float16, whose small gradients would vanish."""

from __future__ import annotations

from typing import Any

import torch

from aepose.engine.distributed import local_device
from aepose.engine.guard import GuardedOptimWrapper
from aepose.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class ScaledOptimWrapper(GuardedOptimWrapper):
    """A wrapper of an optimiser whose losses are scaled up for the backward passes.

    init_scale: the first factor. It is halved, and the step left out, whenever a gradient
        overflows, which happens a few times at the start; it is doubled after 2000 good steps.

    Micikevicius et al.: Mixed Precision Training (ICLR 2018). For float16 only: bfloat16 has the
    range of float32. Works on CPUs too, unlike the engine's own. Other options, and what is done
    about losses that are not finite: see GuardedOptimWrapper.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, init_scale: float = 2.0**16, **options: Any
    ) -> None:
        super().__init__(optimizer, **options)
        self.loss_scaler = torch.amp.GradScaler(local_device().type, init_scale=init_scale)

    def state_dict(self) -> dict[str, Any]:
        """Return the optimiser's state, and the scale's beside it."""
        return {**super().state_dict(), "loss_scaler": self.loss_scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state of this class, or of a wrapper without a scale."""
        state = dict(state_dict)
        if scale := state.pop("loss_scaler", None):
            self.loss_scaler.load_state_dict(scale)
        super().load_state_dict(state)
