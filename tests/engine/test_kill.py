"""kill -9, again and again."""

import multiprocessing
import random
import re
import time

import pytest

from tests.engine.killable import train_in_process
from tests.engine.runs import differing, logged, weights

EPOCHS = 5
OPTIONS = ("train_dataloader.batch_size=3", f"train_cfg.max_epochs={EPOCHS}",
           "train_cfg.val_interval=3", "default_hooks.checkpoint.by_epoch=False",
           "default_hooks.checkpoint.interval=2", "default_hooks.checkpoint.max_keep_ckpts=2",
           "visualizer.vis_backends=[{'type': 'LocalVisBackend'}]",
           "custom_hooks=[{'type': 'SaveResultsHook'}]")
LAST = f"iter_{EPOCHS * 3}.pth"
LIMIT = 60


class Trainings:
    """Starts trainings as processes that need not import everything first."""

    def __init__(self, config):
        self.config = str(config)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([train_in_process.__module__])

    def start(self, work_dir, workers=0):
        options = [*OPTIONS, f"train_dataloader.num_workers={workers}"]
        process = self.context.Process(
            target=train_in_process, args=(self.config, options, str(work_dir)))
        process.start()
        return process


def wait_for_checkpoint(process, work_dir):
    """Return when ``process`` has written a checkpoint more, or has ended."""
    known = set(work_dir.glob("iter_*.pth"))
    while process.is_alive() and set(work_dir.glob("iter_*.pth")) <= known:
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("number", [10, pytest.param(40, marks=pytest.mark.hostile)])
def test_killed_at_random_moments(tiny_config, tmp_path, number):
    """Every training that gets to its end in spite of it has the same weights, bit for bit."""
    trainings = Trainings(tiny_config("killed").file)
    trainings.start(tmp_path / "first").join(LIMIT)      # imports everything
    begin = time.monotonic()
    trainings.start(tmp_path / "whole").join(LIMIT)
    duration = time.monotonic() - begin
    expected = weights(tmp_path / "whole" / LAST)

    moments, kills, finished = random.Random(0), 0, 0
    while kills < number or not finished:
        work_dir = tmp_path / f"killed_{finished}"
        process = trainings.start(work_dir, workers=2 * (kills % 4 == 3))
        if kills >= number:
            process.join(LIMIT)
        elif kills % 2:
            process.join(moments.uniform(0, 0.8 * duration))
        else:                   # not only while it starts
            wait_for_checkpoint(process, work_dir)
            process.join(moments.uniform(0, 0.1 * duration))
        if process.is_alive():
            assert kills < number, "a training does not come to its end"
            process.kill()
            process.join()
            kills += 1
            continue
        assert process.exitcode == 0
        assert not differing(weights(work_dir / LAST), expected)
        assert not list(work_dir.glob(".*.part"))
        finished += 1
    places = re.findall(r"resumed epoch: \d+, iter: (\d+)", logged(tmp_path))
    assert any(int(place) % 3 for place in places)       # also inside epochs
