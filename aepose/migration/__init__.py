"""Files of MMPose 0.x: its configs, read without running them, and what they mean here."""

from aepose.migration.convert import Conversion, convert, listed
from aepose.migration.files import config_text, convert_file
from aepose.migration.reading import is_old_config, read_plainly

__all__ = ["Conversion", "config_text", "convert", "convert_file", "is_old_config", "listed",
           "read_plainly"]
