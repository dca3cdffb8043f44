"""Films: reading and writing them, identities across their frames, and smoothing."""
