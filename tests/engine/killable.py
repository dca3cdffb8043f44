"""A training in a process of its own, for killing."""

import os

import torch

from aepose.apis.train import train
from aepose.experiment import Experiment


def train_in_process(config, options, work_dir):
    """Train, or go on where a killed process was; say nothing on the terminal."""
    torch.set_num_threads(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    train(Experiment.load(config, options), work_dir, resume=True)
