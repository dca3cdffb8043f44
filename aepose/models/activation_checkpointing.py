"""Activation checkpointing: blocks that compute their activations again in the backward pass.

Chen, Xu, Zhang, Guestrin: Training Deep Nets with Sublinear Memory Cost (2016).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


class CheckpointedBlock(nn.Module):
    """Base of blocks that can keep only their inputs for the backward pass.

    A subclass computes in ``compute`` what other modules do in ``forward``.

    checkpointing: whether this one does, in training mode; set by :func:`checkpoint_activations`
    """

    checkpointing = False

    def compute(self, *inputs: Any) -> Any:
        """Return the block's output."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        """Return the block's output; with ``checkpointing``, forget how it was computed."""
        if not (self.checkpointing and self.training):
            return self.compute(*inputs)
        # The re-entrant kind drops the gradient of a first block, whose input needs none.
        return checkpoint(self.compute, *inputs, use_reentrant=False, preserve_rng_state=False,
                          context_fn=self._contexts)

    def _contexts(self) -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _frozen_statistics(self)


def checkpoint_activations(network: nn.Module) -> int:
    """Switch the outermost blocks of a network to activation checkpointing; return how many.

    Weights, their names, losses and gradients stay the same; a training step takes about a third
    longer. Nothing changes in evaluation mode.
    """
    count = 0
    for child in network.children():
        if isinstance(child, CheckpointedBlock):
            child.checkpointing = True
            count += 1
        else:
            count += checkpoint_activations(child)
    return count


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
