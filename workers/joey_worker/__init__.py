"""The Python side of Joey's worker processes."""
