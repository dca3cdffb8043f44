#!/usr/bin/env python3
"""Train a network: ``python tools/train.py CONFIG``; as ``aepose train``."""

from aepose.commands.app import main

if __name__ == "__main__":
    main("train")
