"""Find where a stopped training goes on, and with which learning rate."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from logging import Logger
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size
from mmengine.optim import _ParamScheduler

from aepose.engine.stored_state import stored_scheduler
from aepose.errors import CheckpointError
from aepose.weights.checkpoint import read_checkpoint

# What the engine writes the name of the newest checkpoint to.
POINTER = "last_checkpoint"
PROGRESS = "progress"
_NAME = re.compile(r"(epoch|iter)_(\d+)\.pth")
# How far a scheduler has come; all else in its state says what the schedule is.
_RUNNING = {"last_step", "_global_step", "_last_value", "verbose"}


def list_checkpoints(work_dir: Path) -> list[Path]:
    """Return the checkpoints of a run in the order in which to try to go on from them.

    First the newest, as noted by the run, then those before it. Files with higher numbers are
    left-overs of an earlier run in the same folder.
    """
    found = [match for path in work_dir.glob("*.pth") if (match := _NAME.fullmatch(path.name))]
    numbers = {kind: sorted({int(m[2]) for m in found if m[1] == kind}, reverse=True)
               for kind in ("epoch", "iter")}
    pointer = work_dir / POINTER
    # Only the name counts: the folder may have been moved.
    noted = _NAME.fullmatch(Path(pointer.read_text().strip()).name) if pointer.is_file() else None
    kinds = ["iter", "epoch"] if noted is None or noted[1] == "iter" else ["epoch", "iter"]
    if noted:
        numbers[noted[1]] = [n for n in numbers[noted[1]] if n <= int(noted[2])]
    return [work_dir / f"{kind}_{number}.pth" for kind in kinds for number in numbers[kind]]


def newest_checkpoint(work_dir: Path) -> tuple[Path, list[str]]:
    """Return the newest checkpoint that training can go on from, and what is wrong with newer ones.

    Raises CheckpointError if there is none.
    """
    problems = []
    for path in list_checkpoints(work_dir):
        try:
            check_resumable(path)
        except CheckpointError as error:
            problems.append(str(error))
        else:
            return path, problems
    raise CheckpointError(f"cannot resume: {work_dir} has no checkpoint that can be read; to start "
                          "anew, give another --work-dir" + "".join(f"\n  {p}" for p in problems))


def check_resumable(path: str | Path) -> dict[str, Any]:
    """Return a checkpoint of training; raises CheckpointError for one that has only weights."""
    checkpoint = read_checkpoint(path)
    missing = {"optimizer", "message_hub"} - set(checkpoint)
    missing |= {name for name in ("epoch", "iter")
                if not isinstance(checkpoint["meta"].get(name), int)
                or checkpoint["meta"][name] < 0}
    if missing:
        raise CheckpointError(
            f"cannot resume from {path}: it holds no {' and no '.join(sorted(missing))}; "
            "to start from its weights use --cfg-options load_from=PATH"
        )
    return checkpoint


def describe_progress(dataloader: Any) -> dict[str, int]:
    """Return what the number of a batch within its epoch depends on; stored in checkpoints."""
    return {
        "batches per epoch": len(dataloader),
        "pictures per batch": (dataloader.batch_size or 0) * get_world_size(),
        "pictures": len(dataloader.dataset),
    }


def place_to_resume(
    meta: Mapping[str, Any], now: Mapping[str, int], source: str | Path
) -> tuple[int, int]:
    """Return the epochs and iterations before the place where training goes on.

    meta: of the checkpoint; now: what :func:`describe_progress` gives for this run. At the end of
    an epoch the batches may have another size than before: iterations are then counted as if they
    always had had the new one.

    Raises CheckpointError inside an epoch if the pictures behind the place are others than before.
    """
    epoch, iteration = meta["epoch"], meta["iter"]
    before = meta.get(PROGRESS, now)
    done = iteration - epoch * before["batches per epoch"]
    if done == before["batches per epoch"]:
        done = now["batches per epoch"]
    elif done:
        changes = [f"{key} {before[key]} -> {now[key]}" for key in now if before[key] != now[key]]
        if changes:
            raise CheckpointError(
                f"cannot resume from {source}: it was written inside epoch {epoch + 1}, and the "
                f"rest of that epoch is not the same any more ({', '.join(changes)}); go back to "
                "the former batch size, processes and data, or resume from the end of an epoch"
            )
    return epoch, epoch * now["batches per epoch"] + done


def settings_of(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the options of an optimiser's parameter groups, without the parameters."""
    return [{k: v for k, v in group.items() if k not in ("params", "param_names")}
            for group in groups]


def keep_settings(
    groups: Sequence[dict[str, Any]],
    configured: Sequence[Mapping[str, Any]],
    scheduled: Iterable[str],
    logger: Logger,
) -> None:
    """Give an optimiser the options of the config back, which loading a checkpoint has replaced.

    groups: of the optimiser, as loaded; configured: their options before; scheduled: options that
    schedulers set. What differs is logged.
    """
    left = {name for option in scheduled for name in (option, f"initial_{option}")}
    for index, (group, options) in enumerate(zip(groups, configured, strict=True)):
        for name in sorted(options.keys() - left):
            if group.get(name) != options[name]:
                logger.warning(f"optim_wrapper.optimizer.{name} (parameter group {index}): "
                               f"{group.get(name)} in the checkpoint, {options[name]} from now on")
                group[name] = options[name]


def resume_schedulers(
    schedulers: Sequence[_ParamScheduler],
    stored: Sequence[Mapping[str, Any]],
    meta: Mapping[str, Any],
    logger: Logger,
) -> None:
    """Bring schedulers, freshly built from the config, to where a checkpoint was.

    stored: their states in the checkpoint; meta: of the checkpoint

    Where the config's schedule is not the stored one (more epochs, other milestones, another
    learning rate) it is run through from the beginning, so that the rate goes on as if it had
    been the schedule all along; what has changed is logged. A scheduler that follows a metric keeps
    its stored state and settings. It cannot be run through, so beside it no other may change:
    raises CheckpointError that tells what has.
    """
    changes = list(_changes(schedulers, stored))
    if not changes:
        for scheduler, state in zip(schedulers, stored, strict=True):
            scheduler.load_state_dict(dict(state))
        return
    if any(map(follows_metric, schedulers)):
        raise CheckpointError(
            f"cannot resume with another schedule ({'; '.join(changes)}): one of its schedulers "
            "follows a metric, whose values so far are not known; keep the former schedule, or "
            "start anew from the checkpoint's weights (load_from)")
    logger.warning("the schedule is not that of the checkpoint; the rate goes on as if the new one "
                   f"had been used from the start: {'; '.join(changes)}")
    for scheduler in schedulers:
        _rewind(scheduler)
    with warnings.catch_warnings():
        # The engine misses the steps of the optimiser, which were taken before the stop.
        warnings.simplefilter("ignore", UserWarning)
        _run_through(schedulers, meta)


def _changes(
    schedulers: Sequence[_ParamScheduler], stored: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Say in words how schedules differ from the stored ones."""
    if len(schedulers) != len(stored):
        yield f"{len(stored)} -> {len(schedulers)} schedulers"
        return
    for index, scheduler, state in zip(count(), schedulers, stored, strict=False):
        if follows_metric(scheduler):
            continue
        now = stored_scheduler(scheduler.state_dict())
        for key in sorted((now.keys() | state.keys()) - _RUNNING):
            if now.get(key) != state.get(key):
                yield f"param_scheduler.{index} {key} {state.get(key)} -> {now.get(key)}"


def _rewind(scheduler: _ParamScheduler) -> None:
    """Undo in the optimiser what came after ``scheduler`` was built."""
    name = scheduler.param_name
    values = zip(scheduler.optimizer.param_groups, scheduler.base_values,
                 scheduler.get_last_value(), strict=True)
    for group, base, first in values:
        group[f"initial_{name}"], group[name] = base, first


def _run_through(schedulers: Sequence[_ParamScheduler], meta: Mapping[str, Any]) -> None:
    """Step schedulers as the training did that ``meta`` is of."""
    epochs, iterations = meta["epoch"], meta["iter"]
    length = meta.get(PROGRESS, {}).get("batches per epoch") or max(iterations // max(epochs, 1), 1)
    for iteration in range(1, iterations + 1):
        _step(schedulers, by_epoch=False)
        if iteration % length == 0 and iteration // length <= epochs:
            _step(schedulers, by_epoch=True)


def _step(schedulers: Sequence[_ParamScheduler], by_epoch: bool) -> None:
    for scheduler in schedulers:
        if scheduler.by_epoch == by_epoch:
            scheduler.step()


def follows_metric(scheduler: _ParamScheduler) -> bool:
    """Return whether a scheduler needs the numbers of a validation."""
    return getattr(scheduler, "need_val_args", False)
