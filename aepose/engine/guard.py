"""Skip optimiser steps whose loss or gradient is not finite."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn

from aepose.at_fault import built
from aepose.errors import ConfigError
from aepose.ranges import Count
from aepose.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class GuardedOptimWrapper(OptimWrapper):
    """The engine's optimiser wrapper, without the steps whose loss or gradient is not finite.

    A bad step changes nothing: neither weights nor optimiser nor the running statistics of
    BatchNorm, which the forward pass has already spoilt. It is counted (scalar ``skipped_steps``)
    and logged. Whoever runs the training stops it once :attr:`gave_up` is true. All processes of a
    distributed run decide alike. The norm of all gradients before clipping is logged as
    ``grad_norm``. All this reads from the device once per step.

    accumulative_counts: batches per step; a bad batch takes those of its step with it
    clip_grad: arguments of torch's clip_grad_norm_, or of clip_grad_value_ with type='value'
    max_bad_steps: bad steps in a row after which the training has failed

    A subclass that scales the loss sets ``loss_scaler``. Gradients that overflow because of a scale
    above 1 are then the scaler's business: it leaves the step out and takes a smaller scale, as
    it must do several times at the start, and that is no bad step. A loss that is not finite is
    one at any scale, and so is an overflow that no scale explains.

    Raises ConfigError for a ``max_bad_steps`` that is no positive integer.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        accumulative_counts: Count = 1,
        clip_grad: dict | None = None,
        max_bad_steps: int = 10,
    ) -> None:
        if type(max_bad_steps) is not int or max_bad_steps < 1:
            raise ConfigError(f"optim_wrapper.max_bad_steps = {max_bad_steps!r}: give the number "
                              "of bad steps in a row after which training stops, at least 1")
        # The engine takes entries out of the dict that it is given.
        super().__init__(optimizer, accumulative_counts, dict(clip_grad) if clip_grad else None)
        if clip_grad:
            # Its options are told of now, not in a step.
            built("optim_wrapper.clip_grad", self._try_clipping, self.clip_grad_kwargs)
        self.batches_per_step = accumulative_counts  # whose gradients are accumulated
        self.max_bad_steps = max_bad_steps
        self.loss_scaler: torch.amp.GradScaler | None = None
        self._statistics: _Statistics | None = None
        self._loss_is_finite: torch.Tensor | None = None

    def _try_clipping(self, options: dict[str, Any]) -> None:
        unused = nn.Parameter(torch.zeros(1))
        unused.grad = torch.ones(1)
        self.clip_func([unused], **options)
        if not unused.grad.isfinite():
            raise ValueError(f"it makes gradients {unused.grad.item()}")

    @property
    def bad_steps(self) -> int:
        """Bad steps in a row up to now."""
        return self.message_hub.get_info("bad_steps", 0)

    @property
    def gave_up(self) -> bool:
        """Whether so many steps in a row were bad that the training has failed."""
        return self.bad_steps >= self.max_bad_steps

    @property
    def between_steps(self) -> bool:
        """Whether no gradients are being accumulated."""
        return self.should_update()

    def count_from(self, done: int, batches: int) -> None:
        """Count batches from ``done``; a step ends with number ``batches``, however few it has."""
        # Of the network the engine would only say again and again that it has BatchNorm.
        super().initialize_count_status(nn.Identity(), done, batches)

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """Count from the beginning of training, as the engine asks."""
        self.count_from(init_counts, max_counts)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Surround the forward pass; at the first batch of a step note the statistics."""
        if self._statistics is None or self._statistics.model is not model:
            self._statistics = _Statistics(model)
        if self.between_steps:
            self._statistics.save()
        with super().optim_context(model):
            yield

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Compute gradients, and note whether ``loss`` is finite."""
        finite = loss.detach().isfinite()
        before = self._loss_is_finite
        self._loss_is_finite = finite if before is None else before & finite
        if self.loss_scaler is not None:
            loss = self.loss_scaler.scale(loss)
        super().backward(loss, **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Change the weights, if loss and gradients are finite."""
        if self.loss_scaler is not None:
            self.loss_scaler.unscale_(self.optimizer)
        finite, norm = self._look()
        if finite and math.isfinite(norm):
            self._take(norm, **kwargs)
        elif finite and self.loss_scaler is not None and self.loss_scaler.get_scale() > 1:
            self.loss_scaler.update()
        else:
            self._reject("gradient" if finite else "loss")
        self.message_hub.update_scalar(
            "train/skipped_steps", self.message_hub.get_info("skipped_steps", 0))

    def _look(self) -> tuple[bool, float]:
        """Return whether the losses of this step are finite on all processes, and the norm."""
        gradients = [p.grad for group in self.optimizer.param_groups for p in group["params"]
                     if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        finite = self._loss_is_finite.float()
        self._loss_is_finite = None
        if get_world_size() > 1:
            all_reduce(finite, "min")
        # One wait for the device instead of two.
        finite, norm = torch.stack([finite, norm.to(finite)]).tolist()
        return finite == 1, norm

    def _take(self, norm: float, **kwargs: Any) -> None:
        self.message_hub.update_scalar("train/grad_norm", norm)
        if self.bad_steps:
            self.message_hub.update_info("bad_steps", 0)
        if self.clip_grad_kwargs:
            self._clip()
        if self.loss_scaler is None:
            self.optimizer.step(**kwargs)
            return
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update()

    def _reject(self, what: str) -> None:
        self._statistics.restore()
        if self.loss_scaler is not None:
            # Ends the scaler's step without a change: the scale is not to blame.
            self.loss_scaler.update(self.loss_scaler.get_scale())
        hub = self.message_hub
        hub.update_info("bad_steps", self.bad_steps + 1)
        hub.update_info("skipped_steps", hub.get_info("skipped_steps", 0) + 1)
        print_log(f"iteration {hub.get_info('iter', 0) + 1}: the {what} is not finite; the step is "
                  f"skipped ({self.bad_steps} in a row, training stops at {self.max_bad_steps})",
                  "current", logging.WARNING)

    def _clip(self) -> None:
        """Clip; unlike the engine, wait for no norm: it is known already."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]
                      if p.grad is not None]
        self.clip_func(parameters, **self.clip_grad_kwargs)


class _Statistics:
    """A copy of what a forward pass changes in a network: the running statistics of BatchNorm."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        stored = model.state_dict().keys()
        by_type: dict[torch.dtype, list[torch.Tensor]] = {}
        for name, buffer in model.named_buffers():
            if name in stored:
                by_type.setdefault(buffer.dtype, []).append(buffer)
        # Lists of one type are copied by few kernels.
        self.current = list(by_type.values())
        self.kept = [[b.clone() for b in buffers] for buffers in self.current]

    @torch.no_grad()
    def save(self) -> None:
        for kept, current in zip(self.kept, self.current, strict=True):
            torch._foreach_copy_(kept, current)

    @torch.no_grad()
    def restore(self) -> None:
        for kept, current in zip(self.kept, self.current, strict=True):
            torch._foreach_copy_(current, kept)
