"""xtcocotools by itself, for benchmarks/evaluate.py, as its own documentation uses it.

Arguments: a JSON file of ``truth`` (as COCO's annotation files hold it), ``records`` and
``sigmas``; the file that each evaluation writes the AP to.
"""

import contextlib
import copy
import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import serve
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval


def evaluate():
    """Return the seconds from the list of detections to the numbers."""
    # It writes into its input, so each round gets a copy; copying is not timed.
    truth, records = copy.deepcopy((given["truth"], given["records"]))
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = truth
        index.createIndex()
        evaluator = COCOeval(index, index.loadRes(records), "keypoints", np.array(given["sigmas"]))
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    seconds = time.perf_counter() - start
    Path(sys.argv[2]).write_text(repr(float(evaluator.stats[0])))
    return seconds


given = json.loads(Path(sys.argv[1]).read_text())
serve.serve({"evaluate": evaluate})
