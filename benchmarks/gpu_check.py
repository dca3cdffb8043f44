"""Try all that a GPU has to do with: ``python benchmarks/gpu_check.py``, or ``make gpu-check``.

For a machine with one NVIDIA GPU, a PyTorch of its own and no network; benchmarks/gpu_wheels.py
fetches beforehand what it lacks. Installs that aside, builds the decode core, runs the tests that
take a device, and measures. A part that fails stops no other; the report, at the end, is short, and
all that was printed is in ``gpu_check.log``. Exits with 1 if a part failed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
FAILURES = 6000  # characters of the report for what failed parts said last
WHEELS = "wheels", "large wheels"
LARGE = 2**23  # bytes of a wheel; gpu_wheels.py packs such ones tightly
HOLDING = "waiting to be measured"  # of benchmarks/gpu.py
PATIENCE = 8  # seconds for an interrupted part to say what it knows
NO_TIME = 5  # seconds, too few to begin a part with
GOLDENS = [folder for folder in (ROOT / "shared/golden", ROOT.parent / "shared/golden")
           if folder.is_dir()]
FACTS = """
import sys, cv2, numpy, torch, mmengine, aepose
print("Python", sys.version.split()[0], "torch", torch.__version__, "numpy", numpy.__version__,
      "OpenCV", cv2.__version__, "mmengine", mmengine.__version__)
device, info = torch.device(sys.argv[1]), aepose.build_info()
ones = torch.ones(64, 64, device=device)
assert (ones @ ones).sum().item() == 64**3
name = torch.cuda.get_device_name() if device.type == "cuda" else "the CPU"
print(f"{name}, cuDNN {torch.backends.cudnn.version()}; decoding: {info['decoding']}")
sys.exit(info["reason"])
"""
TEST = ["-m", "pytest", "-q", "--no-header", "--disable-warnings", "--tb=short", "-rfE",
        "-o", "addopts=--strict-markers", "-o", "faulthandler_timeout=100",
        "-p", "no:cacheprovider"]
# Instead of the network and the sizes that are measured on a GPU.
SMALL = ["--config", "mobilenetv2_coco_512x512", "--side", "64", "--batch-size", "2",
         "--batch-sizes", "1", "2", "--seconds", "0.3", "--workers", "2", "--repeats", "1"]


@dataclass
class Part:
    """A program to run, and what became of it.

    arguments: of Python; limit: seconds; device: for tests; shown: lines of what it prints last
    that go into the report
    """

    name: str
    arguments: Sequence[str | Path]
    limit: float
    device: str | None = None
    shown: int = 0
    result: str = "not run: no time left"
    seconds: float = 0.0
    output: str = ""

    @property
    def failed(self) -> bool:
        """Whether the check has failed with this."""
        return self.result != "ok"

    def lines(self) -> list[str]:
        """Return the tables that it printed, or what it printed last."""
        printed = [line for line in self.output.splitlines() if line.strip()]
        table = [line for line in printed if line.startswith("|")]
        return table or (printed[-self.shown:] if self.shown else [])


@dataclass
class Running:
    """A part that runs, and the file that it prints into."""

    part: Part
    process: subprocess.Popen
    path: Path
    began: float

    def printed(self) -> str:
        """Return what it has printed up to now."""
        return self.path.read_text(encoding="utf-8", errors="replace")


class Check:
    """All parts, in the order in which they ended, and the time that is left.

    out: folder of the log and the report; seconds: for all parts together
    """

    def __init__(self, out: Path, scratch: Path, seconds: float) -> None:
        self.parts: list[Part] = []
        self._scratch, self._end = scratch, time.monotonic() + seconds
        self._log = out / "gpu_check.log"
        self._log.write_text("", encoding="utf-8")
        self._running: list[Running] = []

    def run(self, *parts: Part) -> None:
        """Run parts side by side, as far as there is time left."""
        self.wait([self.start(part) for part in parts])

    def start(self, part: Part) -> Running | None:
        """Start a part, which may wait until its input is closed; None if no time is left."""
        now = time.monotonic()
        if self._end - now < NO_TIME:
            self._note(part)
            return None
        environment = {
            **os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "180", "OMP_NUM_THREADS": "2",
            "PYTHONPATH": os.pathsep.join([
                *(str(self._scratch / name) for name in WHEELS), str(ROOT),
                os.environ.get("PYTHONPATH", "")]),
            "TORCHINDUCTOR_CACHE_DIR": str(self._scratch / "inductor"),
            "TRITON_CACHE_DIR": str(self._scratch / "triton"),
            "GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo",  # all on this machine
            **({"AEPOSE_TEST_DEVICE": part.device} if part.device else {}),
        }
        path = self._scratch / f"{len(list(self._scratch.glob('*.txt')))}.txt"
        with path.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, *map(str, part.arguments)], cwd=ROOT, env=environment,
                stdin=subprocess.PIPE, stdout=stream, stderr=subprocess.STDOUT,
                start_new_session=True)
        self._running.append(Running(part, process, path, now))
        return self._running[-1]

    def stop(self) -> None:
        """End what still runs."""
        for running in self._running:
            _end(running.process)

    def wait(self, several: Sequence[Running | None]) -> None:
        """Let parts run to their ends, or to that of their time."""
        left = [running for running in several if running is not None]
        for running in left:
            running.process.stdin.close()
        while left:
            time.sleep(0.1)
            for running in list(left):
                if running.process.poll() is not None or self._late(running):
                    self._finish(running)
                    left.remove(running)

    def wait_until(self, running: Running | None, text: str) -> Running | None:
        """Wait until a part has printed ``text``; return it if it goes on then."""
        while running is not None and text not in running.printed():
            if running.process.poll() is not None or self._late(running):
                self._finish(running)
                return None
            time.sleep(0.1)
        return running

    def _late(self, running: Running) -> bool:
        return time.monotonic() > min(running.began + running.part.limit, self._end)

    def _finish(self, running: Running) -> None:
        self._running.remove(running)
        part = running.part
        part.result = _end(running.process)
        part.seconds, part.output = time.monotonic() - running.began, running.printed()
        self._note(part)

    def _note(self, part: Part) -> None:
        self.parts.append(part)
        line = f"{part.name}: {part.result}, {part.seconds:.0f} s"
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"==== {line}\n{part.output}\n")
        print(line, flush=True)


def _end(process: subprocess.Popen) -> str:
    """End a process that has not ended by itself; return in words how it went."""
    if process.poll() is not None:
        return "ok" if process.returncode == 0 else f"FAILED with status {process.returncode}"
    # Interrupted, pytest still says what has failed so far.
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            os.killpg(process.pid, number)
            process.wait(PATIENCE)
            break
    return "FAILED: took too long"


def install(wheels: Path, scratch: Path) -> list[Part]:
    """Return what puts the wheels of a folder aside, into folders of ``scratch``.

    Large ones by themselves: they are packed in a way that not every Python knows, and the machine
    may have such packages of its own.
    """
    groups: dict[str, list[Path]] = {name: [] for name in WHEELS}
    for wheel in sorted(wheels.glob("*.whl")):
        groups[WHEELS[wheel.stat().st_size > LARGE]].append(wheel)
    return [Part(name, ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
                        "--no-compile", "--no-cache-dir", "--disable-pip-version-check",
                        "--target", scratch / name, *some], 90)
            for name, some in groups.items() if some]


def checks(device: str, goldens: Sequence[Path], limit: float) -> list[Part]:
    """Return what is true or not."""
    on_device = "cuda" if device == "cuda" else "cpu:0"  # a CPU in the place of a GPU
    trainings = "tests/engine/test_on_device.py"
    compare = ["tests/golden_check.py", "--only", "grouping,losses"]
    tests = {
        "tests on the CPU": ([*TEST, "-m", "device and not slow"], "cpu"),
        "tests on the device": ([*TEST, f"--ignore={trainings}"], on_device),
        "trainings on the device": ([*TEST, trainings], on_device),
    }
    return [
        *(Part(name, arguments, limit, where, shown=1)
          for name, (arguments, where) in tests.items()),
        *(Part(f"reference values in {folder.parent.name}/{folder.name}", [*compare, folder], limit,
               on_device, shown=3)
          for folder in map(Path.resolve, (ROOT / "tests/golden", *goldens))),
    ]


def measure(name: str, device: str, limit: float, *options: str) -> Part:
    """Return a part of benchmarks/gpu.py."""
    small = [] if device == "cuda" else SMALL
    return Part(name, [FOLDER / "gpu.py", name, "--device", device, *small, *options], limit,
                shown=2)


def run_all(check: Check, options: argparse.Namespace, scratch: Path) -> None:
    """Run all parts."""
    # On a CPU, all of them share few cores.
    patience = 1 if options.device == "cuda" else 5
    build = ["setup.py", "--quiet", "build_ext", "--inplace", "--build-temp", scratch / "build"]
    check.run(Part("core", build, 120), *install(options.wheels, scratch))
    check.run(Part("machine", ["-c", FACTS, options.device], 60, shown=2))
    # Compiling takes minutes on the processors alone: beside the checks, but not beside what is
    # measured.
    compiled = check.start(measure("compiled", options.device, 200 * patience, "--hold"))
    check.run(*checks(options.device, options.goldens, 200 * patience))
    compiled = check.wait_until(compiled, HOLDING)
    check.run(measure("testing", options.device, 120 * patience))
    check.run(measure("training", options.device, 80 * patience))
    if compiled is not None:
        compiled.part.limit = float("inf")  # but for the end of all
    check.wait([compiled])
    check.run(measure("data", options.device, 40 * patience),
              Part("exported", [FOLDER / "gpu_exported.py"], 60 * patience, shown=2))


def report(parts: Sequence[Part]) -> str:
    """Return what failed parts said last, what was measured, and how each part ended."""
    failed = [part for part in parts if part.failed and part.output]
    lines = []
    for part in failed:
        lines += [f"---- {part.name} said last:", part.output[-FAILURES // len(failed):].strip()]
    for part in parts:
        if part.shown > 1:
            lines += ["", *part.lines()]
    lines += ["", f"{'part':<42} {'seconds':>7}  result"]
    for part in parts:
        saw = f" ({part.lines()[-1].strip(' =')})" if part.shown == 1 and part.lines() else ""
        lines.append(f"{part.name:<42} {part.seconds:>7.0f}  {part.result}{saw[:160]}")
    bad = sum(part.failed for part in parts)
    lines.append(f"{bad} of {len(parts)} parts failed" if bad else "every part is ok")
    return "\n".join(lines)


def main() -> int:
    """Run all parts, print the report, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda",
                        help="cpu tries this program, with a small network")
    parser.add_argument("--wheels", type=Path, default=ROOT / ".whl",
                        help="folder that gpu_wheels.py filled (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "work_dirs" / "gpu_check",
                        help="folder of the log and the report (default %(default)s)")
    parser.add_argument("--goldens", type=Path, nargs="*", default=GOLDENS,
                        help="more folders of reference values (default: shared/golden, if any)")
    parser.add_argument("--seconds", type=float, help="for all (default 465 with a GPU)")
    options = parser.parse_args()
    seconds = options.seconds or (465 if options.device == "cuda" else 3600)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        check = Check(options.out, scratch, seconds)
        try:
            run_all(check, options, scratch)
        finally:
            check.stop()
    text = report(check.parts)
    (options.out / "report.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}")
    return int(any(part.failed for part in check.parts))


if __name__ == "__main__":
    sys.exit(main())
