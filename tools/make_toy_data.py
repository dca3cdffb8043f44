"""Draw the toy data set: python tools/make_toy_data.py --out data/toy --train 4000 --val 400."""

import argparse
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from aepose.datasets.toy import make_toy_dataset
from aepose.errors import AeposeError


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Draw pictures of toy people in COCO's layout.")
    parser.add_argument("--out", default="data/toy", help="folder to write (default: %(default)s)")
    parser.add_argument("--train", type=_count, default=4000, help="training pictures")
    parser.add_argument("--val", type=_count, default=400, help="validation pictures")
    parser.add_argument("--seed", type=_count, default=0, help="0 or more (default: %(default)s)")
    parser.add_argument("--hard", action="store_true",
                        help="more, smaller and more strongly overlapping people")
    return parser.parse_args()


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} must be 0 or more")
    return value


def main() -> int:
    """Draw the set and return the exit status."""
    args = parse_args()
    columns = ("drawing", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("drawing", total=args.train + args.val)
            out = make_toy_dataset(
                args.out, args.train, args.val, seed=args.seed, hard=args.hard,
                progress=lambda done, total: bar.update(task, completed=done))
    except AeposeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{out}: {args.train} training and {args.val} validation pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
