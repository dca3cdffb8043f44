"""Tests on the CPU; ``AEPOSE_TEST_DEVICE=cuda`` runs those that take a device, and on a GPU."""

import os

DEVICE = os.environ.get("AEPOSE_TEST_DEVICE", "cpu")
if DEVICE == "cpu":
    # Equal bits, two processes and more are matters of the CPU, also where there is a GPU; this
    # hides it from the processes that tests start, too.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
