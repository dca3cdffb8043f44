"""Fold each BatchNorm into the convolution in front of it, for faster inference.

With its statistics at rest, BatchNorm (Ioffe and Szegedy, ICML 2015) is a factor and a summand per
channel, which a convolution can do along with its own weights and bias.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Exactly these: a subclass, or a layer whose weights are computed from others, may do more.
CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def fuse_conv_bn(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """Fold each BatchNorm2d that directly follows a convolution into it; return ``model``.

    Works in place: the convolution gets new weights and a bias, and ``nn.Identity`` takes the place
    of the BatchNorm. Outputs stay the same up to rounding. Load weights before: the state dict has
    other entries afterwards, and the network can no longer be trained as it was meant to be. A
    second call changes nothing.

    What follows what is seen in one forward pass, not guessed from names: a pair is folded if the
    BatchNorm alone reads what the convolution gives, and both run once. All others stay.

    images: what that pass is made with, of any values, in a size that the network takes

    Raises ValueError if any part of ``model`` is in training mode.
    """
    training = [name or "the model" for name, part in model.named_modules() if part.training]
    if training:
        raise ValueError(f"fuse_conv_bn: {training[0]} is in training mode, where BatchNorm goes "
                         "by the batch; call model.eval() first")
    # Another BatchNorm behind a folded one is next in line.
    while pairs := _pairs(model, images):
        for conv, norm in pairs.items():
            _fold(conv, norm)
        folded = set(pairs.values())
        for parent in model.modules():
            for name, child in list(parent._modules.items()):
                if child in folded:
                    setattr(parent, name, nn.Identity().eval())
    return model


def _pairs(model: nn.Module, images: torch.Tensor) -> dict[nn.Module, nn.Module]:
    """Return the convolutions that can take up a BatchNorm, and which one each."""
    with torch.no_grad(), _Watch() as watch, watch.hooks(model):
        watch.note_use(model(images))
    return watch.pairs()


class _Watch(TorchDispatchMode):
    """Notes who reads the outputs of convolutions during a forward pass.

    Operations are seen below autograd and autocast, so that none is missed, in-place ones included.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: Counter[nn.Module] = Counter()
        # Tensors are kept, lest another takes over the identity of one that is gone.
        self._made: dict[int, tuple[torch.Tensor, nn.Module]] = {}
        self._norms: dict[int, list[nn.Module]] = {}
        self._other_uses: set[int] = set()
        self._in_norm = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not self._in_norm:
            self.note_use((args, kwargs))
        return func(*args, **(kwargs or {}))

    def note_use(self, values: Any) -> None:
        """Note that something other than a BatchNorm reads these tensors, however nested."""
        self._other_uses.update(id(v) for v in tree_leaves(values) if id(v) in self._made)

    @contextmanager
    def hooks(self, model: nn.Module) -> Iterator[None]:
        """Watch the layers of ``model``."""
        handles = []
        for module in model.modules():
            if type(module) in CONVOLUTIONS:
                handles.append(module.register_forward_hook(self._after_conv))
            elif type(module) in NORMS and module.running_var is not None:
                handles.append(module.register_forward_pre_hook(
                    self._before_norm, with_kwargs=True))
                handles.append(module.register_forward_hook(self._after_norm))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _after_conv(self, conv: nn.Module, _: Any, output: torch.Tensor) -> None:
        self._calls[conv] += 1
        self._made[id(output)] = output, conv

    def _before_norm(self, norm: nn.Module, args: Any, kwargs: Any) -> None:
        self._calls[norm] += 1
        (given,) = tree_leaves((args, kwargs))
        if id(given) in self._made:
            self._norms.setdefault(id(given), []).append(norm)
        self._in_norm = True

    def _after_norm(self, *_: Any) -> None:
        self._in_norm = False

    def pairs(self) -> dict[nn.Module, nn.Module]:
        """Return what :func:`_pairs` does, from all that was noted."""
        found = {}
        for identity, (_, conv) in self._made.items():
            norms = self._norms.get(identity, ())
            alone = len(norms) == 1 and identity not in self._other_uses
            if alone and self._calls[conv] == self._calls[norms[0]] == 1:
                found[conv] = norms[0]
        return found


def _fold(conv: nn.Module, norm: nn.Module) -> None:
    """Let ``conv`` do what ``norm`` does behind it."""
    # In float64: a second rounding of each weight would be seen in the outputs.
    factor = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        factor = factor * norm.weight.detach().double()
    bias = -norm.running_mean.double()
    if conv.bias is not None:
        bias = bias + conv.bias.detach().double()
    bias = bias * factor
    if norm.bias is not None:
        bias = bias + norm.bias.detach().double()
    old = conv.weight
    new = old.detach().double() * _per_weight(conv, factor)
    conv.weight = nn.Parameter(new.to(old.dtype), requires_grad=old.requires_grad)
    conv.bias = nn.Parameter(bias.to(old.dtype), requires_grad=old.requires_grad)


def _per_weight(conv: nn.Module, factor: torch.Tensor) -> torch.Tensor:
    """Return (outputs,) factors in a shape that multiplies the weights of a convolution."""
    if not conv.transposed:
        return factor[:, None, None, None]  # weights are (outputs, inputs / groups, h, w)
    # Transposed, they are (inputs, outputs / groups, h, w), group after group of the inputs.
    per_group = factor.view(conv.groups, -1)
    return per_group.repeat_interleave(conv.in_channels // conv.groups, dim=0)[..., None, None]
