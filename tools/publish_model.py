#!/usr/bin/env python3
"""Publish a checkpoint; as ``aepose publish``.

``python tools/publish_model.py CHECKPOINT FOLDER/NAME``
"""

from aepose.commands.app import main

if __name__ == "__main__":
    main("publish")
