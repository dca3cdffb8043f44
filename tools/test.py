"""Evaluate a checkpoint on the test pictures: ``python tools/test.py CONFIG CHECKPOINT``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from aepose.apis import evaluate
from aepose.apis.cli import add_options_argument, free_name, make_folder, run_tool
from aepose.config import load_config
from aepose.datasets.image import read_image
from aepose.evaluation.table import format_metrics
from aepose.metainfo import Metainfo, get_metainfo
from aepose.structures import PoseResult
from aepose.visualization import draw_poses, write_image

# Evaluation counts every guess; a drawing of all of them shows nothing.
LEAST_DRAWN_SCORE = 0.1


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments, test, and print the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, such as configs/coco/….py")
    parser.add_argument("checkpoint", help="weights, as PyTorch's .pth or as .safetensors")
    parser.add_argument("--multi-scale", action="store_true",
                        help="test at the scales test_time.multi_scales of the config")
    parser.add_argument("--out", metavar="JSON", help="also write the people found, as COCO does")
    parser.add_argument("--show-dir", help="draw each picture's people into this folder")
    parser.add_argument("--work-dir", help="folder of the log (default work_dirs/<config>)")
    add_options_argument(parser)
    options = parser.parse_args(args)
    cfg = load_config(options.config, options.cfg_options)
    if options.out:
        make_folder(Path(options.out).parent)
    on_result = None
    if options.show_dir:
        on_result = _drawer(make_folder(options.show_dir), get_metainfo(cfg.metainfo))
    metrics = evaluate(cfg, options.checkpoint, options.work_dir, options.multi_scale, options.out,
                   on_result)
    name = "multi-scale" if options.multi_scale else "single-scale"
    print(format_metrics({name: metrics}))


def _drawer(folder: Path, metainfo: Metainfo) -> Callable[[PoseResult], None]:
    """Return a function that draws a result into ``folder``."""
    taken: set[str] = set()

    def draw(result: PoseResult) -> None:
        likely = result.select(result.scores >= LEAST_DRAWN_SCORE)
        name = free_name(Path(result.image_path).stem, taken)
        image = read_image(result.image_path)
        write_image(folder / f"{name}.png", draw_poses(image, likely, metainfo))

    return draw


if __name__ == "__main__":
    run_tool(main, interrupted="no metrics were computed")
