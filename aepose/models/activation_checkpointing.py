"""Training with less memory: blocks whose activations are computed again when they are needed.

Chen, Xu, Zhang, Guestrin: Training Deep Nets with Sublinear Memory Cost (2016).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from aepose.models.backbones.blocks import BasicBlock, Bottleneck
from aepose.models.backbones.hourglass_ae import Hourglass
from aepose.models.backbones.hrnet import HRModule
from aepose.models.backbones.mobilenet_v2 import InvertedResidual

# Only the outermost of them forget their activations.
BLOCKS = (HRModule, Hourglass, Bottleneck, BasicBlock, InvertedResidual)


def checkpoint_activations(network: nn.Module) -> int:
    """Let the blocks of a network keep only their inputs for the backward pass; return how many.

    Weights, their names, losses and gradients stay the same; a training step takes about a third
    longer. Blocks behave as before where no gradient is asked for.
    """
    count = 0
    for child in network.children():
        if isinstance(child, BLOCKS):
            child.forward = partial(_forward, child, child.forward)
            count += 1
        else:
            count += checkpoint_activations(child)
    return count


def _forward(block: nn.Module, forward: Any, *inputs: Any) -> Any:
    if not block.training:
        return forward(*inputs)

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _frozen_statistics(block)

    # The re-entrant kind drops the gradient of a first block, whose input needs none.
    return checkpoint(forward, *inputs, use_reentrant=False, preserve_rng_state=False,
                      context_fn=contexts)


@contextmanager
def _frozen_statistics(block: nn.Module) -> Iterator[None]:
    """Keep the second computation from counting a batch twice in BatchNorm's statistics."""
    layers = [m for m in block.modules() if isinstance(m, _BatchNorm)]
    before = [(layer, layer.momentum, layer.num_batches_tracked) for layer in layers]
    for layer in layers:
        layer.momentum, layer.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for layer, momentum, batches in before:
            layer.momentum, layer.num_batches_tracked = momentum, batches
