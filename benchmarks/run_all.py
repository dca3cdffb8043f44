"""Run benchmarks and write ``benchmarks/RESULTS.md``: ``python benchmarks/run_all.py [FILE…]``.

Without files all are run; with some, the sections of the others stay as they are, as does what was
measured on a GPU if there is none.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from common import FOLDER, NOT_MEASURED, PEER_PYTHON, ROOT, need_peer

# File -> its heading; what stands below it is what the program prints.
TOPICS = {
    "ae_loss.py": "Tag losses",
    "data.py": "Training samples",
    "train_step.py": "Training step on the CPU",
    "gpu.py": "Testing and training on a GPU",
    "aggregate.py": "Aggregation",
    "decode.py": "Decoding",
    "end_to_end.py": "From pixels to people",
    "evaluate.py": "Evaluation",
    "own_worlds.py": "Two classes in one network",
}
PACKAGES = "torch", "numpy", "cv2"


def cpu_model() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def versions(python: str | Path) -> str:
    """Return the versions of an environment's packages."""
    code = (f"import platform; print('Python', platform.python_version(), end='')\n"
            f"for name in {PACKAGES}: print(', ' + name, __import__(name).__version__, end='')")
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout


def describe_machine() -> str:
    """Return facts that the numbers depend on."""
    return "\n".join([
        f"- Machine: {cpu_model()}, {os.cpu_count()} cores, {platform.system()}",
        f"- aepose: {versions(sys.executable)}",
        f"- MMPose 0.29.0: {versions(PEER_PYTHON)}",
    ])


def section(file: str, heading: str) -> str:
    """Run one benchmark; raises CalledProcessError if it fails."""
    print(f"{heading} ({file}) ...", flush=True)
    start = time.perf_counter()
    run = subprocess.run([sys.executable, FOLDER / file], check=True, cwd=ROOT, text=True,
                         stdout=subprocess.PIPE)
    print(f"{run.stdout}{time.perf_counter() - start:.0f} s\n", flush=True)
    return f"## {heading}\n\n`python benchmarks/{file}`\n\n{run.stdout.strip()}\n"


def sections_of(results: Path) -> dict[str, str]:
    """Return heading -> section of the results written before."""
    text = results.read_text(encoding="utf-8") if results.is_file() else ""
    parts = text.split("\n## ")[1:]
    return {part.split("\n", 1)[0]: f"## {part.strip()}\n" for part in parts}


def main() -> None:
    """Run the benchmarks asked for and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*", default=list(TOPICS), help=", ".join(TOPICS))
    parser.add_argument("--out", type=Path, default=FOLDER / "RESULTS.md")
    options = parser.parse_args()
    unknown = set(options.files) - set(TOPICS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; choose from "
                     + ", ".join(TOPICS))
    need_peer()
    head = ("# Benchmarks\n\n"
            "Written by `make bench`. In a section both sides run in the same run, with one\n"
            "thread each unless it says otherwise, and take turns; numbers are medians. A ratio\n"
            "above 1 means that aepose is faster.\n\n")
    parts = sections_of(options.out)
    for file in options.files:
        text = section(file, TOPICS[file])
        if NOT_MEASURED not in text or TOPICS[file] not in parts:
            parts[TOPICS[file]] = text
    written = "\n".join(parts[heading] for heading in TOPICS.values() if heading in parts)
    options.out.write_text(f"{head}{describe_machine()}\n\n{written}", encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
