#!/usr/bin/env python3
"""Compute metrics from files; as ``aepose eval``.

``python tools/eval_results.py ANNOTATIONS RESULTS --dataset coco``
"""

from aepose.commands.app import main

if __name__ == "__main__":
    main("eval")
