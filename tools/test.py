#!/usr/bin/env python3
"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``; as ``aepose test``."""

from aepose.commands.app import main

if __name__ == "__main__":
    main("test")
