#!/usr/bin/env python3
"""Fail for Python files over 350 lines: is there a second idea in them?"""

from __future__ import annotations

import sys
from pathlib import Path

LIMIT = 350
ROOM = ("aepose", "benchmarks", "configs", "tests", "tools")


def too_long(paths: list[Path]) -> list[str]:
    """Return 'PATH: N lines' for each file over the limit."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    return [f"{path}: {n} lines" for path, n in lengths.items() if n > LIMIT]


if __name__ == "__main__":
    given = [Path(p) for p in sys.argv[1:]]
    # Virtual environments are not ours.
    own = [p for room in ROOM for p in sorted(Path(room).rglob("*.py")) if ".venv" not in p.parts]
    found = too_long(given or own)
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
