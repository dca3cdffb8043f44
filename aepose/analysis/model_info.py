"""Cost of a network: parameters, operations, output shapes, memory; nothing is computed."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from aepose.experiment import Experiment

# Of the ways in which PyTorch computes attention its counter does not know this one.
_ATTENTION_ON_CPU = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:
        lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value),
}


@dataclass(frozen=True)
class ModelInfo:
    """The size of one network at its training input.

    parameters: number of weights; gmacs: 10^9 multiply-adds for one picture, of convolutions
        and matrix products (which attention is, too)
    input_shape: (3, H, W); output_shapes: (C, h, w) per output, lowest resolution first
    activation_bytes: most memory that feature maps hold at once in a float32 test pass of one
        picture, weights and library workspaces not counted
    """

    parameters: int
    gmacs: float
    input_shape: tuple[int, ...]
    output_shapes: tuple[tuple[int, ...], ...]
    activation_bytes: int


def model_info(experiment: Experiment) -> ModelInfo:
    """Measure the network of an experiment at one picture of ``codec.train_size``.

    Its tensors are fake: they know their shapes but hold no data.
    """
    # Types and layouts change neither operations nor, in the units here, memory.
    experiment = experiment.changed({"test_time.dtype": None, "model.channels_last": False})
    memory = _LiveBytes()
    operations = FlopCounterMode(display=False, custom_mapping=_ATTENTION_ON_CPU)
    with torch.device("meta"):  # not fake, as some networks look at numbers while they are built
        model = experiment.network().eval()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        model.to_empty(device="cpu")
        images = torch.zeros(1, 3, *model.codec.train_size[::-1])
        with operations, memory:
            outputs = model.maps(images)
    return ModelInfo(
        parameters=sum(p.numel() for p in model.parameters()),
        gmacs=operations.get_total_flops() / 2e9,
        input_shape=tuple(images.shape[1:]),
        output_shapes=tuple(tuple(o.shape[1:]) for o in outputs),
        activation_bytes=memory.peak,
    )


class _LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensors made in its scope, and the most that were alive at once."""

    def __init__(self) -> None:
        super().__init__()
        self.alive = 0
        self.peak = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        known = {id(leaf) for leaf in tree_leaves((args, kwargs))}
        for tensor in tree_leaves(result):
            # In-place operations and views make no new memory.
            new = isinstance(tensor, torch.Tensor) and id(tensor) not in known
            if new and not function.is_view:
                self._add(tensor)
        return result

    def _add(self, tensor: torch.Tensor) -> None:
        size = tensor.numel() * tensor.element_size()
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(tensor, self._drop, size)

    def _drop(self, size: int) -> None:
        self.alive -= size
