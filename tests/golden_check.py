"""Compare aepose with reference values: ``python tests/golden_check.py DIR``.

Checks every file of the golden formats found in DIR and prints a row per file. Exits with 1 if a
case disagrees or if nothing could be compared. ``AEPOSE_TEST_DEVICE=cuda`` has a GPU
compute grouping and losses.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN = ROOT / "tests" / "golden"
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT))

from tests.goldens.common import Options, Tally  # noqa: E402

# Name of the golden -> files it needs, and the module and function that check it.
GOLDENS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "state_dicts": (("state_dicts.json.gz",), "networks", "check_state_dicts"),
    "procedural_check": (("procedural_check.json",), "networks", "check_procedural"),
    "forward": (("forward.json", "forward.npz"), "networks", "check_forward"),
    "train_step": (("train_step.json", "train_step_f64.json", "train_step.npz"), "train_step",
                   "check_train_step"),
    "train_curve": (("train_curve.json",), "train_curve", "check_train_curve"),
    "targets": (("targets.json", "targets.npz"), "targets", "check_targets"),
    "losses": (("losses.json", "losses.npz"), "losses", "check_losses"),
    "resize": (("resize.json.gz",), "resize", "check_resize"),
    "resize_pixels": (("resize.json.gz",), "resize", "check_pixels"),
    "augment": (("augment.json", "augment.npz"), "augment", "check_augment"),
    "augment_pixels": (("augment.json", "augment.npz"), "augment", "check_pixels"),
    "grouping": (("grouping.json", "grouping.npz"), "grouping", "check"),
    "munkres": (("munkres.npz",), "munkres", "check"),
    "configs": (("configs.json.gz",), "configs", "check_configs"),
    "dataset_info": (("dataset_info.json.gz",), "configs", "check_dataset_info"),
    "aggregate": (("aggregate.json", "aggregate.npz"), "detector", "check_aggregate"),
    "e2e": (("e2e.json.gz",), "detector", "check_e2e"),
    "trained_toy": (("trained_toy.json.gz",), "trained_toy", "check"),
    "evaluate": (("evaluate.json.gz", "evaluate_preds.json.gz"), "evaluate", "check"),
    "drawn": (("drawn.npz",), "drawn", "check_drawn"),
}
# The same of SWAHR's authors: some files have the names of others, so they are in a folder apart.
SWAHR: dict[str, tuple[tuple[str, ...], str, str]] = {
    "swahr_keys": (("keys.json",), "swahr_networks", "check_keys"),
    "swahr_targets": (("targets.json", "targets.npz"), "swahr", "check_targets"),
    "swahr_wahr": (("wahr.json", "wahr.npz"), "swahr", "check_losses_alone"),
    "swahr_multi_loss": (("multi_loss.json", "multi_loss.npz"), "swahr", "check_losses_together"),
    "swahr_group": (("group.json", "group.npz"), "swahr", "check_group"),
    "swahr_lr": (("lr.json",), "swahr", "check_schedule"),
    "swahr_forward": (("forward.json", "forward.npz"), "swahr_networks", "check_forward"),
    "swahr_train_step": (("train_step.json", "train_step.npz"), "swahr_networks",
                         "check_train_step"),
}
# Of these there are more values than fit into tests/golden. The maps of e2e, which are those of
# aggregate in other sizes, take minutes: this program alone compares them.
LARGER = ("forward", "grouping", "aggregate", "evaluate", "swahr_wahr", "swahr_multi_loss",
          "swahr_group", "swahr_forward")
ALL = {**GOLDENS, **SWAHR}


def find_goldens(folder: Path) -> list[str]:
    """Return the names of the goldens whose files are all in ``folder``."""
    # Files that only SWAHR's references have tell its folder.
    others = {file for files, _, _ in GOLDENS.values() for file in files}
    own = {file for files, _, _ in SWAHR.values() for file in files} - others
    known = SWAHR if any((folder / file).is_file() for file in own) else GOLDENS
    return [name for name, (files, _, _) in known.items()
            if all((folder / file).is_file() for file in files)]


def checker(name: str) -> Callable[[Path, Options], Tally]:
    """Return the function that checks a golden."""
    _, module, function = ALL[name]
    return getattr(importlib.import_module(f"tests.goldens.{module}"), function)


def default_data(folder: Path) -> Path:
    """Return where pictures and annotations are: beside the goldens, or beside the project."""
    beside = folder.resolve().parent / "data"
    return beside if beside.is_dir() else SHARED / "data"


def main(args: Sequence[str] | None = None) -> int:
    """Check, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of golden files")
    parser.add_argument("--only", help="comma-separated names: " + ", ".join(ALL))
    parser.add_argument("--salt", help="put before each key of the procedural weights")
    parser.add_argument("--data", type=Path, help="pictures and annotations the goldens refer to")
    options = parser.parse_args(args)
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    names = find_goldens(options.folder)
    if options.only:
        asked = options.only.split(",")
        absent = [name for name in asked if name not in names]
        if absent:
            parser.error(f"{options.folder} has no golden of {', '.join(absent)}; it has "
                         + (", ".join(names) or "none"))
        names = asked
    settings = Options(options.data or default_data(options.folder), options.salt)
    print(f"{'file':<17} {'cases':>6} {'agree':>6} {'skipped':>8} {'worst':>9} {'seconds':>8}")
    tallies = {name: _check(name, options.folder, settings) for name in names}
    compared = sum(len(t.cases) for t in tallies.values())
    return int(not compared or any(t.disagreeing for t in tallies.values()))


def _check(name: str, folder: Path, settings: Options) -> Tally:
    start = time.perf_counter()
    tally = checker(name)(folder, settings)
    agreeing = len(tally.cases) - len(tally.disagreeing)
    print(f"{name:<17} {len(tally.cases):>6} {agreeing:>6} {len(tally.skipped):>8} "
          f"{tally.worst:>9.2g} {time.perf_counter() - start:>8.1f}", flush=True)
    for case in tally.disagreeing[:10]:
        print(f"    disagrees: {case} by {tally.cases[case][1]:.3g}")
    reasons = list(tally.skipped.values())
    for reason in sorted(set(reasons)):
        print(f"    skipped {reasons.count(reason)}: {reason}")
    return tally


if __name__ == "__main__":
    sys.exit(main())
