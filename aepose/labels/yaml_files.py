"""YAML files of other programs, read without running what may be in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from aepose.errors import DataError
from aepose.files import regular_file


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; raises DataError that names a file that holds none."""
    try:
        content = yaml.safe_load(regular_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise DataError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})"
                        ) from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: no mapping of keys to values")
    return content
