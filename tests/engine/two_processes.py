"""What each process of tests/engine/test_distributed.py does; torchrun starts this file.

    two_processes.py FOLDER CONFIG

Process R leaves what it found in FOLDER/rank_R.pth.
"""

import sys
from pathlib import Path

import torch
from mmengine.dist import get_rank

from aepose.commands.process import run
from aepose.datasets import SeededSampler
from aepose.engine import Hook
from aepose.engine.distributed import (
    SameStatisticsHook,
    describe_processes,
    first_of_machine_first,
    process_group,
    wrap_model,
)
from aepose.experiment import Experiment
from aepose.experiment.assemble import make_runner

OPTIONS = ("val_dataloader=None", "val_evaluator=None", "visualizer=None",
           "train_dataloader.batch_size=2")


def gradients(cfg, batch):
    """Of all parameters by name, for a batch or this process's share of it; BatchNorm is frozen."""
    torch.manual_seed(get_rank())  # the first process's weights must win
    model = wrap_model(cfg.network()).eval()
    network = getattr(model, "module", model)
    data = network.data_preprocessor(batch, training=True)
    sum(model(**data, mode="loss").values()).backward()
    return {name: p.grad for name, p in network.named_parameters()}


def share(batch, rank, size):
    """Pictures rank, rank + size, … of a batch."""
    targets = [type(t)(*(value[rank::size] for value in vars(t).values()))
               for t in batch["targets"]]
    return {"images": batch["images"][rank::size], "targets": targets}


def draws(pictures):
    """By epoch, which of so many samples this process draws."""
    sampler = SeededSampler(range(pictures), seed=0)
    found = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        found.append([draw.index for draw in sampler])
    return found


def statistics_after_hook():
    """The buffers of a network whose processes have seen different pictures."""
    torch.manual_seed(0)
    model = wrap_model(torch.nn.BatchNorm2d(3))
    with torch.no_grad():
        model.module.running_mean += get_rank() + 1
    runner = type("Runner", (), {"model": model})
    SameStatisticsHook().before_val_epoch(runner)
    return model.module.running_mean


def losses(cfg, folder):
    """Of each training step: this process's own, and those that are logged."""
    found = {"own": [], "logged": []}

    def note(kind, values):
        found[kind].append({name: value.item() for name, value in values.items()})

    class Listener(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            note("logged", outputs)

    runner = make_runner(cfg, folder, "train", hooks=[Listener()])
    step = runner.model.train_step

    def train_step(*args, **kwargs):
        values = step(*args, **kwargs)
        note("own", values)
        return values

    runner.model.train_step = train_step
    runner.train()
    return found


def download(folder):
    """How often a file was fetched that both processes want."""
    file = folder / "fetched"

    def fetch():
        if not file.exists():
            file.write_text(str(get_rank()))
        return file.read_text()

    return first_of_machine_first(fetch)


def main(folder, config):
    folder = Path(folder)
    cfg = Experiment.load(config)
    batch = torch.load(folder / "batch.pth", weights_only=False)
    with process_group():
        rank = get_rank()
        found = {
            "gradients": gradients(cfg, share(batch, rank, 2)),
            "draws": {n: draws(n) for n in (7, 8)}, "statistics": statistics_after_hook(),
            "losses": losses(Experiment.load(config, OPTIONS), folder / "training"),
            "fetched_by": download(folder), "description": describe_processes(),
        }
    torch.save(found, folder / f"rank_{rank}.pth")


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
