"""What goes into a network: checkpoints, ImageNet weights, fine-tuning."""
