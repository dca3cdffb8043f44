"""The model zoo: its index, and its files found or downloaded."""
