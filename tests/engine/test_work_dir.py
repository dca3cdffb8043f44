"""A work dir that is used already, or used twice at once, or that goes away."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from aepose.apis.train import train
from aepose.engine import failures
from aepose.engine.failures import explained
from aepose.engine.work_dir import check_unused, held
from aepose.errors import ConfigError, DataError, OutputError
from tests.engine.runs import NO_VALIDATION
from tests.golden_check import ROOT

HOLDS = """
import sys, time
from pathlib import Path
from aepose.engine.work_dir import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def holder(folder):
    process = subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], cwd=ROOT, text=True,
                               stdout=subprocess.PIPE)
    assert process.stdout.readline() == "held\n"
    return process


def test_two_trainings_at_once(tmp_path, tiny_config):
    process = holder(tmp_path)
    try:
        message = rf"another training \(process {process.pid}\) is writing to .*--work-dir"
        with pytest.raises(ConfigError, match=message):
            train(tiny_config("second", NO_VALIDATION), tmp_path)
        assert not list(tmp_path.glob("*.pth"))
    finally:
        process.kill()
        process.wait()
    with held(tmp_path):                            # a killed one holds nothing
        assert (tmp_path / ".lock").read_text() == str(os.getpid())
    assert os.listdir(tmp_path) == []


def test_a_new_training_replaces_no_old_one(tmp_path, tiny_config):
    train(tiny_config("first", [*NO_VALIDATION, "train_cfg.max_epochs=1"]), tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.pth")}
    with pytest.raises(ConfigError, match=r"epoch_1\.pth\).*--resume, or.*--work-dir"):
        train(tiny_config("second", NO_VALIDATION), tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.pth")} == before
    train(tiny_config("first", NO_VALIDATION), tmp_path, resume=True)
    assert (tmp_path / "epoch_2.pth").is_file()


def test_the_best_alone_is_not_replaced_either(tmp_path):
    (tmp_path / "best_coco_AP_epoch_3.pth").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"_epoch_3\.pth\): move them away, or choose"):
        check_unused(tmp_path)


def test_a_folder_with_other_files_is_unused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    check_unused(tmp_path)
    check_unused(tmp_path / "none yet")


class Removes(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        shutil.rmtree(runner.work_dir)


def with_hook(monkeypatch, hook):
    module = sys.modules[train.__module__]
    real = module.make_runner
    monkeypatch.setattr(module, "make_runner", lambda *args: real(*args, hooks=[hook]))


def test_a_work_dir_that_goes_away(tmp_path, tiny_config, monkeypatch):
    with_hook(monkeypatch, Removes())
    with pytest.raises(OutputError, match=rf"cannot write .*{tmp_path / 'gone'}"):
        train(tiny_config("gone", NO_VALIDATION), tmp_path / "gone")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.ENOENT, errno.EDQUOT])
def test_any_failure_of_a_work_dir(tmp_path, code):
    with (pytest.raises(OutputError, match=rf"{os.strerror(code)}; .*{tmp_path}.*; go on"),
          explained(tmp_path, "; go on")):
        raise OSError(code, os.strerror(code), str(tmp_path / "log"))


@pytest.mark.parametrize("error", [BrokenPipeError(), ConnectionResetError(), RuntimeError("else")])
def test_what_is_no_failure_of_a_work_dir(tmp_path, error):
    with pytest.raises(type(error)) as caught, explained(tmp_path):
        raise error
    assert caught.value is error


class KillsWorker(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        workers = runner.train_dataloader._iterator._workers
        os.kill(workers[0].pid, signal.SIGKILL)
        time.sleep(0.2)


def test_a_worker_that_is_killed(tmp_path, tiny_config, monkeypatch):
    with_hook(monkeypatch, KillsWorker())
    options = [*NO_VALIDATION, "train_dataloader.num_workers=2", "train_dataloader.batch_size=1"]
    with pytest.raises(DataError, match=r"worker was killed.*num_workers.*go on with .*--resume"):
        train(tiny_config("killed_worker", options), tmp_path)


def test_pytorch_still_says_it_so():
    assert failures._WORKER.match("DataLoader worker (pid(s) 1, 2) exited unexpectedly")
    assert failures._WORKER.match("DataLoader worker (pid 3) is killed by signal: Killed. ")
    said = Path(torch.utils.data.dataloader.__file__).read_text(encoding="utf-8")
    assert "DataLoader worker (pid(s) {pids_str}) exited unexpectedly" in said
