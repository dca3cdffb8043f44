"""Starting, watching and killing several processes, for tests."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.golden_check import ROOT

TRAIN = ROOT / "tools" / "train.py"


def torchrun(*options):
    return [sys.executable, "-m", "torch.distributed.run", *map(str, options)]


def start(command, **options):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.Popen([str(part) for part in command], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def finish(process, seconds=120):
    try:
        output = process.communicate(timeout=seconds)[0]
    finally:
        process.kill()
    assert process.returncode == 0, output[-3000:]
    return output


def run(*command):
    return finish(start(command))


def run_two(*command):
    """Run a command in two processes of torchrun; return what they say."""
    return run(*torchrun("--standalone", "--nproc-per-node", 2), *command)


def process_of_rank(parent, rank):
    """The process id of a rank among the children of torchrun."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for child in children:
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        if f"RANK={rank}".encode() in environment:
            return int(child)
    raise AssertionError(f"no process of rank {rank} among {children}")


def wait_for(path, process, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.monotonic() < end, f"{path} does not appear"
        time.sleep(0.01)
