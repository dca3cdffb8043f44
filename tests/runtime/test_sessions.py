"""Tests of running exported graphs."""

import os
import subprocess
import sys

from tests.runtime.drawn import write

# The CPU plugin of OpenVINO leaves a stack for signal handlers that it has freed.
LET_GO = """
import gc, os, signal, sys, threading
from pathlib import Path
from aepose.runtime.sessions import OpenVinoSession

sessions = [OpenVinoSession(Path(sys.argv[1]))]
let_go = threading.Thread(target=lambda: (sessions.clear(), gc.collect()))
let_go.start()
let_go.join()
signal.signal(signal.SIGCHLD, lambda *of: print("handled"))
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_signal_after_another_thread_let_go_of_the_graph(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LET_GO, write(tmp_path / "a.onnx")], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    # A library may have had a child of its own.
    assert (done.returncode, set(done.stdout.split())) == (0, {"handled"}), done.stderr[-2000:]
