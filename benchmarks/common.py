"""What the benchmarks share: a peer in its own environment, fair repetitions, tables.

The peer is MMPose 0.29, set up by ``benchmarks/peer/setup.sh``. Both sides run with the same number
of threads, get the same input, and take turns, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

NOT_MEASURED = "Not measured"  # what a benchmark says that needs a GPU, where there is none
FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
PEER_PYTHON = FOLDER / "peer" / ".venv" / "bin" / "python"
PICTURES = ROOT.parent / "shared" / "data" / "coco_mini"

Measured = dict[str, float]
"""Name of a measurement -> median seconds."""


class Peer:
    """A program of ``benchmarks/peer`` that times functions by name; use it in a ``with``.

    Raises SystemExit with what to do if the peer's environment is not set up, and RuntimeError if
    the program ends early.
    """

    def __init__(self, program: str, *arguments: str | Path) -> None:
        need_peer()
        self._process = subprocess.Popen(
            [PEER_PYTHON, FOLDER / "peer" / program, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()  # its "ready"

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        self._process.wait()

    def seconds(self, name: str) -> float:
        """Run a function of the program once and return how long it took."""
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        return float(self._read())

    def _read(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer's program ended with status {self._process.wait()}")
        return line


def seconds(function: Callable[[], Any]) -> float:
    """Run a function once; return how long it took, or the seconds (float) that it returns."""
    start = time.perf_counter()
    result = function()
    taken = time.perf_counter() - start
    return result if isinstance(result, float) else taken


def take_turns(timers: dict[str, Callable[[], float]], repeats: int, warmups: int = 1) -> Measured:
    """Call every timer once per round; return the medians of all rounds but the warm-ups."""
    rounds = [{name: timer() for name, timer in timers.items()}
              for _ in range(warmups + repeats)]
    return {name: statistics.median(r[name] for r in rounds[warmups:]) for name in timers}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def parse(description: str, add: Callable[[argparse.ArgumentParser], Any] = lambda _: None
          ) -> argparse.Namespace:
    """Parse the arguments of a benchmark; sets the threads of both sides."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="of each side (default 1)")
    add(parser)
    options = parser.parse_args()
    limit_threads(options.threads)
    return options


def limit_threads(number: int) -> None:
    """Set the threads of PyTorch and OpenMP here and in programs started from here."""
    import cv2
    import torch

    torch.set_num_threads(number)
    cv2.setNumThreads(0)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(number)


def need_peer() -> None:
    """Raise SystemExit where the peer's environment is missing."""
    if not PEER_PYTHON.is_file():
        raise SystemExit("the peer is not set up: run benchmarks/peer/setup.sh first")
