"""Strip a checkpoint: ``python tools/publish_model.py CHECKPOINT OUT.safetensors``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from aepose.apis.cli import run_tool
from aepose.apis.publish import publish


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="checkpoint that training wrote")
    parser.add_argument("out", help="file to write, .safetensors")
    options = parser.parse_args(args)
    out = publish(options.checkpoint, options.out)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    run_tool(main, interrupted="nothing was written")
