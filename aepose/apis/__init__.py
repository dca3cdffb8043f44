"""What users call: train, test, run on pictures."""

from aepose.apis.test import test
from aepose.apis.train import dry_run, train

__all__ = ["dry_run", "test", "train"]
