#!/usr/bin/env python3
"""The model zoo: ``python tools/model_zoo.py list [PATTERN]``; as ``aepose zoo``."""

from aepose.commands.app import main

if __name__ == "__main__":
    main("zoo")
