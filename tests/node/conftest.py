"""The virtual board that these tests talk to."""

from virtual_bench import address, board, world

__all__ = ["address", "board", "world"]
