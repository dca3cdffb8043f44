"""Training and testing in several processes, on one or several machines.

The processes are started by torchrun, which tells each its place in environment variables. They
talk through NCCL where there are GPUs and through gloo where there are none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    get_world_size,
    is_distributed,
    is_main_process,
)
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from torch import nn

from aepose.engine.resume import list_checkpoints
from aepose.errors import ConfigError
from aepose.models import AssociativeEmbedding

_PLACE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
# Long enough for the first process to score a large validation set while the others wait.
_TIMEOUT = timedelta(minutes=30)
_RUN_MARK = ".run_id"


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that torchrun started, and part from them at the end.

    Does nothing in a process that stands alone, or where a group exists already. Raises
    ConfigError if there are more processes than GPUs on this machine.
    """
    if dist.is_initialized() or not all(name in os.environ for name in _PLACE):
        yield
        return
    device = local_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    store, rank, size = next(dist.rendezvous("env://", timeout=_TIMEOUT))
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        # torchrun keeps its store when it starts processes again; with the addresses of the dead
        # ones the new would never meet.
        store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank,
                            world_size=size, timeout=_TIMEOUT)
    try:
        yield
        # One that leaves while others still talk makes torchrun call the run a failure.
        dist.barrier(device_ids=[device.index] if device.type == "cuda" else None)
    finally:
        dist.destroy_process_group()


def local_device() -> torch.device:
    """Return the device of this process: the GPU of its place on the machine, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    place, gpus = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if place >= gpus:
        raise ConfigError(f"process {place} of this machine has no GPU: there are {gpus}; start "
                          f"at most as many processes (torchrun --nproc-per-node {gpus})")
    return torch.device("cuda", place)


def wrap_model(model: nn.Module, sync_bn: bool = False) -> nn.Module:
    """Return the network as several processes train it; in a process that stands alone, as it is.

    All start from the first process's weights, average their gradients, and keep the first
    process's running statistics of BatchNorm, which are those of the checkpoints.

    sync_bn: normalise by the statistics of all processes' pictures together

    Raises ConfigError for ``sync_bn`` without GPUs.
    """
    if not is_distributed():
        return model
    device = local_device()
    if sync_bn:
        if device.type != "cuda":
            raise ConfigError("sync_bn needs GPUs: PyTorch has no synchronised BatchNorm on CPUs")
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    device_ids = [device.index] if device.type == "cuda" else None
    # Parameters without a gradient, unannounced, are an error at the second step.
    unused = isinstance(model, AssociativeEmbedding) and not model.fully_trained
    return MMDistributedDataParallel(model.to(device), device_ids=device_ids,
                                     find_unused_parameters=unused)


def unwrap(model: nn.Module) -> nn.Module:
    """Return the network itself, of one that :func:`wrap_model` may have wrapped."""
    return model.module if is_model_wrapper(model) else model


def first_of_machine_first(function: Callable[[], Any]) -> Any:
    """Call ``function`` in every process, but first in one per machine: what that one downloads,
    the others find.
    """
    if not is_distributed():
        return function()
    first = int(os.environ.get("LOCAL_RANK", 0)) == 0
    result = function() if first else None
    dist.barrier()
    return result if first else function()


def mean_over_processes(values: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the mean of each scalar over all processes, which have the same ones.

    One message for all of them; the device is not waited for.
    """
    if get_world_size() == 1:
        return dict(values)
    means = torch.stack([value.detach().float() for value in values.values()])
    dist.all_reduce(means)
    means /= get_world_size()
    return dict(zip(values, means.unbind(), strict=True))


class SameStatisticsHook(Hook):
    """Give all processes the first one's running statistics before they validate.

    They last met at the beginning of the last training step.
    """

    def before_val_epoch(self, runner: Any) -> None:
        """Send the buffers of the first process to all others."""
        if is_distributed():
            for buffer in runner.model.buffers():
                dist.broadcast(buffer, src=0)


def from_first_process(value: Any) -> Any:
    """Return the ``value`` of the first process in all of them."""
    values = [value]
    broadcast_object_list(values)
    return values[0]


def goes_on(work_dir: Path) -> bool:
    """Return whether torchrun started this run before, and it got as far as a checkpoint.

    torchrun starts all processes anew when one dies. Checkpoints that lay in ``work_dir`` before
    the run began do not count. All processes must call this, before anything is written.
    """
    count, run_id = os.environ.get("TORCHELASTIC_RESTART_COUNT"), _run_id()
    if count is None:
        return False
    # Where one machine of several failed, only its own processes count a restart.
    restarts = max(all_gather_object(int(count)))
    return from_first_process(is_main_process() and _goes_on_here(work_dir, restarts, run_id))


def describe_processes() -> str:
    """Return in words who trains or tests together."""
    if not is_distributed():
        return f"1 process on {local_device().type}"
    machines = get_world_size() // int(os.environ.get("LOCAL_WORLD_SIZE", get_world_size()))
    return (f"{get_world_size()} processes on {machines} machine(s), on {local_device().type} "
            f"through {dist.get_backend()}")


def _run_id() -> str | None:
    """Return torchrun's name of this run where it has one of its own."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return None if name == "none" else name


def _goes_on_here(work_dir: Path, restarts: int, run_id: str | None) -> bool:
    mark = work_dir / _RUN_MARK
    again = restarts > 0 or (run_id is not None and mark.is_file() and mark.read_text() == run_id)
    if not (again and mark.is_file()):
        work_dir.mkdir(parents=True, exist_ok=True)
        mark.write_text(run_id or "")
        return False
    newest = next(iter(list_checkpoints(work_dir)), None)
    return newest is not None and newest.stat().st_mtime >= mark.stat().st_mtime
