"""The run log: what its events are, how they are written, and how they are read as it grows."""
