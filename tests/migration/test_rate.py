"""The learning rate of a converted schedule, step by step, against MMPose's rule."""

import math
import warnings

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

from aepose.migration.schedule import convert_schedule
from aepose.migration.sections import Report, Section

EPOCHS, STEPS, RATE = 8, 5, 0.1
REGULAR = {
    "fixed": ({}, lambda epoch: 1.0),
    "step": ({"step": [3, 6]}, lambda epoch: 0.1 ** ((epoch >= 3) + (epoch >= 6))),
    "step of 3": ({"policy": "step", "step": 3, "gamma": 0.5}, lambda epoch: 0.5 ** (epoch // 3)),
    "exp": ({"gamma": 0.9}, lambda epoch: 0.9 ** epoch),
    "CosineAnnealing": ({}, lambda epoch: (1 + math.cos(math.pi * epoch / EPOCHS)) / 2),
    "cosine with a least": ({"policy": "CosineAnnealing", "min_lr_ratio": 0.01}, lambda epoch: (
        0.01 + 0.99 * (1 + math.cos(math.pi * epoch / EPOCHS)) / 2)),
}


@pytest.mark.parametrize("warm_up", [None, "linear", "constant"])
@pytest.mark.parametrize("count", [4, 13])  # steps: less than an epoch, and more
@pytest.mark.parametrize("policy", REGULAR)
def test_rate(policy, warm_up, count):
    options, regular = REGULAR[policy]
    given = {"policy": policy, **options}
    if warm_up:
        given |= {"warmup": warm_up, "warmup_iters": count, "warmup_ratio": 0.2}
    report = Report()
    schedule = convert_schedule(Section({"lr_config": given, "total_epochs": EPOCHS, "optimizer": {
        "type": "SGD", "lr": RATE}}, "", report, "training"))
    if warm_up and "least" in policy:
        assert [key for key, _ in report.training] == ["lr_config.min_lr_ratio = 0.01"]
        return
    assert not report.training
    optimiser = OptimWrapper(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE))
    schedulers = [PARAM_SCHEDULERS.build({**part, "optimizer": optimiser})
                  for part in schedule.get("param_scheduler", ())]
    for step in range(EPOCHS * STEPS):
        factor = {None: 1.0, "linear": 0.2 + 0.8 * step / count, "constant": 0.2}[warm_up]
        wanted = RATE * regular(step // STEPS) * (factor if step < count else 1.0)
        assert optimiser.param_groups[0]["lr"] == pytest.approx(wanted, rel=1e-9)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nothing is trained between the steps
            for scheduler in schedulers:
                if not scheduler.by_epoch or step % STEPS == STEPS - 1:
                    scheduler.step()
