"""Weights of networks: checkpoints, ImageNet weights, fine-tuning."""
