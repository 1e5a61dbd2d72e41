"""The virtual board that these tests talk to."""

from virtual_bench import board, world

__all__ = ["board", "world"]
