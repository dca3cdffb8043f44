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
    that go into the report; only_warms: whether it fails is of no interest
    """

    name: str
    arguments: Sequence[str | Path]
    limit: float
    device: str | None = None
    shown: int = 0
    only_warms: bool = False
    result: str = "not run: no time left"
    seconds: float = 0.0
    output: str = ""

    @property
    def failed(self) -> bool:
        """Whether the check has failed with this."""
        return self.result != "ok" and not self.only_warms

    def lines(self) -> list[str]:
        """Return what it printed last."""
        printed = [line for line in self.output.splitlines() if line.strip()]
        return printed[-self.shown:] if self.shown else []


class Check:
    """All parts, in the order in which they were run, and the time that is left.

    out: folder of the log and the report; seconds: for all parts together
    """

    def __init__(self, out: Path, scratch: Path, seconds: float) -> None:
        self.parts: list[Part] = []
        self._scratch, self._end = scratch, time.monotonic() + seconds
        self._log = out / "gpu_check.log"
        self._log.write_text("", encoding="utf-8")

    def run(self, *parts: Part) -> None:
        """Run parts side by side, as far as there is time left."""
        self.parts += parts
        began = time.monotonic()
        running = {part.name: (part, *self._start(part))
                   for part in parts if self._end - began > NO_TIME}
        while running:
            time.sleep(0.1)
            now = time.monotonic()
            for part, process, output in list(running.values()):
                late = now > min(began + part.limit, self._end)
                if process.poll() is None and not late:
                    continue
                part.result = _end(process)
                part.seconds = now - began
                part.output = output.read_text(encoding="utf-8", errors="replace")
                self._note(part)
                del running[part.name]

    def _note(self, part: Part) -> None:
        line = f"{part.name}: {part.result}, {part.seconds:.0f} s"
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"==== {line}\n{part.output}\n")
        print(line, flush=True)

    def _start(self, part: Part) -> tuple[subprocess.Popen, Path]:
        environment = {
            **os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "180", "OMP_NUM_THREADS": "2",
            "PYTHONPATH": os.pathsep.join([
                *(str(self._scratch / name) for name in WHEELS), str(ROOT),
                os.environ.get("PYTHONPATH", "")]),
            "TORCHINDUCTOR_CACHE_DIR": str(self._scratch / "inductor"),
            "TRITON_CACHE_DIR": str(self._scratch / "triton"),
            **({"AEPOSE_TEST_DEVICE": part.device} if part.device else {}),
        }
        output = self._scratch / f"{len(list(self._scratch.glob('*.txt')))}.txt"
        with output.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, *map(str, part.arguments)], cwd=ROOT, env=environment,
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
                start_new_session=True)
        return process, output


def _end(process: subprocess.Popen) -> str:
    """End a process that has not ended by itself; return in words how it went."""
    if process.poll() is not None:
        return "ok" if process.returncode == 0 else f"FAILED with status {process.returncode}"
    # Interrupted, pytest still says what has failed so far.
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            os.killpg(process.pid, number)
            process.wait(8)
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


def checks(device: str, goldens: Sequence[Path]) -> list[Part]:
    """Return what is true or not."""
    on_device = "cuda" if device == "cuda" else "cpu:0"  # a CPU in the place of a GPU
    trainings = "tests/engine/test_on_device.py"
    compare = ["tests/golden_check.py", "--only", "grouping,losses"]
    return [
        Part("tests on the CPU", [*TEST, "-m", "device and not slow"], 200, "cpu", shown=1),
        Part("tests on the device", [*TEST, f"--ignore={trainings}"], 200, on_device,
             shown=1),
        Part("trainings on the device", [*TEST, trainings], 200, on_device, shown=1),
        *(Part(f"reference values in {folder.relative_to(folder.parents[1])}", [*compare, folder],
               200, on_device, shown=2) for folder in (ROOT / "tests/golden", *goldens)),
    ]


def measurements(device: str) -> tuple[Part, list[Part]]:
    """Return what fills the compiler's cache beside the checks, and what is measured after them."""
    def part(name: str, limit: float, shown: int) -> Part:
        small = [] if device == "cuda" else SMALL
        return Part(name, [FOLDER / "gpu.py", name, "--device", device, *small], limit,
                    shown=shown)

    first = part("compiled", 210, 3)
    first.name, first.only_warms = "compiled, beside the checks", True
    return first, [part("testing", 120, 9), part("training", 80, 6), part("data", 40, 3),
                   part("compiled", 150, 3)]


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
    parser.add_argument("--seconds", type=float, default=465, help="for all (default %(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        check = Check(options.out, scratch, options.seconds)
        check.run(Part("core", ["setup.py", "--quiet", "build_ext", "--inplace", "--build-temp",
                                scratch / "build"], 120),
                  *install(options.wheels, scratch))
        check.run(Part("machine", ["-c", FACTS, options.device], 60, shown=3))
        warm, measured = measurements(options.device)
        check.run(*checks(options.device, options.goldens), warm)
        for part in measured:
            check.run(part)
    text = report(check.parts)
    (options.out / "report.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}")
    return int(any(part.failed for part in check.parts))


if __name__ == "__main__":
    sys.exit(main())
