"""What each of two processes on one GPU does, for tests/engine/test_on_device.py.

    synced.py FOLDER CONFIG

Process R leaves what it found in FOLDER/rank_R.pth. NCCL wants a GPU for each process, so these
talk through gloo; synchronised BatchNorm computes on the GPU all the same.
"""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from aepose.engine.distributed import wrap_model
from aepose.experiment import Experiment
from tests.engine.two_processes import share


def gradients_and_statistics(model, batch):
    """Of a training step on a batch, by name."""
    network = getattr(model.train(), "module", model)
    sum(model(**network.data_preprocessor(batch, training=True), mode="loss").values()).backward()
    found = {name: p.grad for name, p in network.named_parameters()}
    found |= {name: b for name, b in network.named_buffers() if "running" in name}
    return {name: value.cpu() for name, value in found.items()}


def main(folder, config):
    torch.backends.cudnn.allow_tf32 = False
    os.environ["LOCAL_RANK"] = "0"
    torch.cuda.set_device(0)
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    model = wrap_model(Experiment.load(config).network(), sync_bn=True)
    batch = torch.load(folder / "batch.pth", weights_only=False)
    found = gradients_and_statistics(model, share(batch, dist.get_rank(), 2))
    torch.save(found, folder / f"rank_{dist.get_rank()}.pth")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
