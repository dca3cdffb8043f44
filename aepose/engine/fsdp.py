"""Training in several processes that each keep only a part of weights, gradients and optimiser.

PyTorch's FSDP2 shares every parameter out by its first dimension. The weights of a part of the
network are put together just before it computes, and its gradients are reduced to shares just
after. Zhao et al.: PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel (VLDB 2023).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.registry import MODEL_WRAPPERS
from mmengine.utils import apply_to
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from aepose.errors import ConfigError

# A unit's weights travel together. One larger than this share of the network is divided, as all
# of it lies in memory at once; one smaller is not worth the wait for a message of its own.
_LARGEST, _SMALLEST = 1 / 8, 1 / 64
_WRAPPERS = ("GuardedOptimWrapper", "ScaledOptimWrapper")


def check_shardable(cfg: Config) -> None:
    """Raise ConfigError for what cannot be combined with ``fsdp``."""
    if get_world_size() < 2:
        raise ConfigError("fsdp (--fsdp) shares a network out over several processes, and there is "
                          "only one; start more (tools/dist_train.sh CONFIG N --fsdp), or train "
                          "without it (--cfg-options fsdp=False)")
    if cfg.model.get("compile"):
        raise ConfigError("fsdp and model.compile: choose one; the weights of a compiled network "
                          "cannot be put together part by part")
    if cfg.optim_wrapper.type not in _WRAPPERS:
        raise ConfigError(f"optim_wrapper.type = {cfg.optim_wrapper.type!r}: fsdp needs one of "
                          + ", ".join(_WRAPPERS))


def units(network: nn.Module) -> list[nn.Module]:
    """Return the parts of a detector whose weights are put together one after the other.

    These are the stages of the backbone, or their blocks where a stage is large, and the head.
    What is too small is left to the whole, such as the first convolutions.
    """
    total = _size(network)
    parts = [*_divide(network.backbone, total), network.keypoint_head]
    return [part for part in parts if _size(part) >= _SMALLEST * total]


def _divide(module: nn.Module, total: int) -> Iterator[nn.Module]:
    for child in module.children():
        # Only these are known to call their parts as they are.
        runs_parts = type(child) is nn.ModuleList or (
            type(child) is nn.Sequential and _size(child) > _LARGEST * total)
        if runs_parts:
            yield from _divide(child, total)
        else:
            yield child


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Put a tensor together that is shared out; all processes must ask for it. Others stay."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def share(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Share the first process's ``tensor`` out as ``like`` is; all processes must ask for it."""
    if isinstance(tensor, DTensor) or not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


def own_part(tensor: torch.Tensor) -> torch.Tensor:
    """Return what this process has of a tensor; changes of it change the tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def gather(state: Any, everywhere: bool = False) -> Any:
    """Return dicts and lists of tensors with whole ones on the CPU, in place of shares.

    All processes must ask for it; unless ``everywhere``, only the first gets them.
    """
    keep = everywhere or is_main_process()

    def put_together(tensor: DTensor) -> torch.Tensor | None:
        complete = tensor.detach().full_tensor()
        return complete.cpu() if keep else None

    return apply_to(state, lambda value: isinstance(value, DTensor), put_together)


@contextmanager
def whole_states(
    model: nn.Module, optimizer: torch.optim.Optimizer | None = None, everywhere: bool = False
) -> Iterator[None]:
    """Let ``state_dict()`` of a network and of its optimiser give what it would in a plain run.

    All processes must come here, and only in the first the states are complete unless
    ``everywhere``. Does nothing for a network that is not sharded.
    """
    with ExitStack() as stack:
        if isinstance(model, ShardedNetwork):
            for part in (model.sharded, *([] if optimizer is None else [optimizer])):
                state = gather(part.state_dict(), everywhere)
                handle = part.register_state_dict_post_hook(
                    lambda _, found, *rest, state=state: found.update(state))
                stack.callback(handle.remove)
        yield


def take_shares(
    optimizer: torch.optim.Optimizer, state: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Share the state of a plain run's optimiser out; a hook of ``optimizer.load_state_dict()``."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if not any(isinstance(p, DTensor) for p in parameters):
        return None
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    of_number = dict(zip(numbers, parameters, strict=False))

    def taken(value: Any, parameter: torch.Tensor) -> Any:
        fits = isinstance(value, torch.Tensor) and value.shape == parameter.shape
        return share(value, parameter) if fits else value

    shared = {number: {key: taken(value, of_number[number]) for key, value in entries.items()}
              for number, entries in state["state"].items() if number in of_number}
    return {**state, "state": shared}


@MODEL_WRAPPERS.register_module()
class ShardedNetwork(nn.Module):
    """A network that is shared out over all processes, as the engine wraps networks.

    network: with the weights that training starts from in the first process, on the CPU
    device: of this process

    Weights, gradients and what the optimiser derives from them are shares; BatchNorm's running
    statistics are whole. A forward pass is a matter of all processes, but in validation each has
    pictures, and numbers of them, of its own: between :meth:`begin_evaluation` and
    :meth:`end_evaluation` a plain network with whole weights stands in.
    """

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        super().__init__()
        _send_weights(network, device)
        plain = copy.deepcopy(network)
        _empty(plain)
        # Hidden in a tuple: its parameters are none of this module's.
        self._plain = (plain.to(device),)
        self._evaluating = False
        mesh = init_device_mesh(device.type, (get_world_size(),))
        for unit in units(network):
            fully_shard(unit, mesh=mesh)
        self.sharded = fully_shard(network, mesh=mesh).to(device)
        self.sharded.register_load_state_dict_pre_hook(_take_weights)

    @property
    def module(self) -> nn.Module:
        """The network itself."""
        return self._plain[0] if self._evaluating else self.sharded

    def train_step(self, data: dict[str, Any], optim_wrapper: Any) -> dict[str, torch.Tensor]:
        """Run a training step; return its losses."""
        # Gradients of a step with several batches are reduced with the last one.
        self.sharded.set_requires_gradient_sync(optim_wrapper.should_sync())
        return self.sharded.train_step(data, optim_wrapper)

    @torch.no_grad()
    def begin_evaluation(self) -> None:
        """Put the weights together in every process."""
        plain = self._plain[0]
        shares = dict(self.sharded.named_parameters())
        for name, parameter in plain.named_parameters():
            parameter.data = whole(shares[name])
        buffers = dict(self.sharded.named_buffers())
        for name, buffer in plain.named_buffers():
            buffer.data = buffers[name]
        plain.eval()
        self._evaluating = True

    def end_evaluation(self) -> None:
        """Free the whole weights."""
        self._evaluating = False
        _empty(self._plain[0])

    def describe(self) -> str:
        """Return in words how much is in this process."""
        total = _size(self.sharded)
        here = sum(own_part(p).numel() for p in self.sharded.parameters())
        return (f"FSDP: {here / 1e6:.2f} M of {total / 1e6:.2f} M parameters are in the first "
                "process")


class WholeEvaluationHook(Hook):
    """Validate with whole weights in every process."""

    # After the hooks that change the weights for a validation, and before checkpoints are saved.
    priority = "BELOW_NORMAL"

    def before_val_epoch(self, runner: Any) -> None:
        """Put the weights together."""
        runner.model.begin_evaluation()

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Go back to shares."""
        runner.model.end_evaluation()


@torch.no_grad()
def _send_weights(network: nn.Module, device: torch.device) -> None:
    """Give all processes the first one's weights, one by one: the device has no room for all."""
    for tensor in chain(network.parameters(), network.buffers()):
        # What is shared out by its first dimension must lie in that order, also with channels_last.
        sent = tensor.to(device).contiguous()
        dist.broadcast(sent, src=0)
        tensor.data = sent.to(tensor.device)


def _empty(network: nn.Module) -> None:
    for parameter in network.parameters():
        parameter.data = parameter.data.new_empty(0)


def _take_weights(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    """Share whole weights out that are being loaded; what does not fit is reported by PyTorch."""
    for name, parameter in module.named_parameters():
        value = state.get(prefix + name)
        if value is not None and value.shape == parameter.shape:
            state[prefix + name] = share(value, parameter)
