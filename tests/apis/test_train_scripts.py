"""The scripts that start several processes: which commands they run."""

import os
import subprocess
import sys

import pytest

from tests.golden_check import ROOT

TOOLS = ROOT / "tools"
PLACE = ("NNODES", "NODE_RANK", "MASTER_ADDR", "PORT", "MAX_RESTARTS", "NODES", "GPUS_PER_NODE",
         "CPUS_PER_GPU", "SRUN_ARGS")
# Stands for Slurm's command: takes the options away and runs the rest as on the second machine.
SRUN = """#!/usr/bin/env bash
echo "srun $*" | head -n 1
while [[ "$1" != bash ]]; do shift; done
SLURM_JOB_NODELIST=node[1-2] SLURM_NNODES=2 SLURM_JOB_ID=77 exec "$@"
"""
SCONTROL = """#!/usr/bin/env bash
[[ $* == 'show hostnames node[1-2]' ]] && printf 'node1\\nnode2\\n'
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a script, whose Python prints its arguments one by one."""
    commands = {"python": "#!/usr/bin/env bash\nprintf '<%s>' \"$@\"\necho\n", "srun": SRUN,
                "scontrol": SCONTROL}
    for name, content in commands.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)

    def start(script, *arguments, **environment):
        kept = {k: v for k, v in os.environ.items() if k not in PLACE}
        path = f"{tmp_path}:{kept['PATH']}"
        return subprocess.run([TOOLS / script, *arguments], capture_output=True, text=True,
                              env={**kept, "PATH": path, "PYTHON": "python", **environment})

    return start


RUN = "<-m><torch.distributed.run>"


@pytest.mark.parametrize(("script", "arguments", "environment", "expected"), [
    ("dist_train.sh", ["a.py", "2"], {},
     f"{RUN}<--standalone><--nproc-per-node><2><--max-restarts><0><-m><aepose><train><a.py>"),
    ("dist_train.sh", ["a.py", "2", "--work-dir", "a b"], {"PORT": "1234", "MAX_RESTARTS": "3"},
     f"{RUN}<--nnodes><1><--node-rank><0><--master-addr><127.0.0.1><--master-port><1234>"
     f"<--nproc-per-node><2><--max-restarts><3><-m><aepose><train><a.py><--work-dir><a b>"),
    ("dist_train.sh", ["a.py", "4"], {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "host"},
     f"{RUN}<--nnodes><2><--node-rank><1><--master-addr><host><--master-port><29500>"
     f"<--nproc-per-node><4><--max-restarts><0><-m><aepose><train><a.py>"),
    ("dist_test.sh", ["a.py", "a.pth", "2", "--multi-scale"], {},
     f"{RUN}<--standalone><--nproc-per-node><2><--max-restarts><0><-m><aepose><test><a.py><a.pth>"
     "<--multi-scale>"),
    ("slurm_train.sh", ["part", "job", "a.py", "--work-dir", "a b"],
     {"NODES": "2", "GPUS_PER_NODE": "4", "SRUN_ARGS": "--time 10 --mem 0"},
     "srun --partition part --job-name job --nodes 2 --ntasks-per-node 1 --gres gpu:4 "
     "--cpus-per-task 20 --kill-on-bad-exit=1 --time 10 --mem 0 bash -c \n"
     f"{RUN}<--nnodes><2><--nproc-per-node><4><--max-restarts><0><--rdzv-id><77>"
     f"<--rdzv-backend><c10d><--rdzv-endpoint><node1:29500><-m><aepose><train><a.py><--work-dir>"
     "<a b>"),
])
def test_command(run, script, arguments, environment, expected):
    result = run(script, *arguments, **environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == expected + "\n"


@pytest.mark.parametrize(("script", "arguments", "usage"), [
    ("dist_train.sh", ["a.py"], "dist_train.sh CONFIG NPROC"),
    ("dist_test.sh", ["a.py", "2"], "dist_test.sh CONFIG CHECKPOINT NPROC"),
    ("slurm_train.sh", ["part", "job"], "slurm_train.sh PARTITION JOB_NAME CONFIG"),
])
def test_usage(run, script, arguments, usage):
    result = run(script, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert usage in result.stderr
    assert "set -euo" not in result.stderr


@pytest.mark.slow
def test_an_error_in_two_processes(tmp_path):
    result = subprocess.run([TOOLS / "dist_train.sh", "a.py", "2"], capture_output=True, text=True,
                            env={**os.environ, "PYTHON": sys.executable}, cwd=tmp_path)
    assert result.returncode != 0
    assert "error: config a.py does not exist" in result.stderr
    assert "Traceback" not in result.stderr.split("error:")[0]
