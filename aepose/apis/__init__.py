"""The functions that users call, such as ``aepose.load_model`` and ``aepose.train``."""
