"""Compare the kinds of ``codec.matching``: ``python tools/compare_matching.py [CONFIG]``.

No network and no pictures are needed: people of the annotation file are drawn as the heatmaps and
tags of a network that errs, decoded with each kind of matching, and evaluated.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product

from aepose.apis.cli import add_options_argument, positive, progress_bar, run_tool
from aepose.apis.compare_matching import NetworkNoise, compare_matching, format_comparisons
from aepose.apis.results import metric_config


def main(args: Sequence[str] | None = None) -> None:
    """Parse arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", default="hrnet_w32_coco_512x512_udp",
                        help="config file, name of a model of the zoo, or of a data set: codec, "
                        "metric and how maps are joined (default: %(default)s)")
    parser.add_argument("--annotations", metavar="FILE",
                        help="COCO-format annotation file (default: the config's test file)")
    parser.add_argument("--tag-noise", type=float, nargs="+", metavar="SCALE",
                        default=[0.1, 0.2, 0.3],
                        help="how far tags of a person scatter; about 0.1 in a network "
                        "(default: 0.1 0.2 0.3)")
    parser.add_argument("--missing", type=float, nargs="+", metavar="SHARE", default=[0.1],
                        help="of keypoints that are not seen (default: 0.1)")
    parser.add_argument("--false-peaks", type=float, nargs="+", metavar="SHARE",
                        default=[0.0, 0.5],
                        help="of keypoints that have a second, false peak (default: 0 0.5)")
    parser.add_argument("--repeats", type=positive, default=5,
                        help="how often all is drawn anew (default: 5)")
    add_options_argument(parser)
    options = parser.parse_args(args)
    cfg = metric_config(options.config, options.cfg_options)
    noises = [NetworkNoise(tags, missing, false_peaks) for tags, missing, false_peaks in
              product(options.tag_noise, options.missing, options.false_peaks)]
    with progress_bar("matching", 1) as show:
        comparisons = compare_matching(cfg, noises, options.repeats, options.annotations,
                                       lambda done, total: show(done / total))
    print(format_comparisons(comparisons))


if __name__ == "__main__":
    run_tool(main, interrupted="no metrics were computed")
