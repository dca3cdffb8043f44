"""Files of MMPose 0.x: its configs, read without running them, and what they mean here."""

from aepose.migration.convert import Conversion, convert
from aepose.migration.reading import is_old_config, read_plainly

__all__ = ["Conversion", "convert", "is_old_config", "read_plainly"]
