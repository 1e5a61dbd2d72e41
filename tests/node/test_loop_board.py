"""The node's timer among asyncio's tasks, on a clock that wraps as a board's does."""

from both import MICROPYTHON, skip_on_cpython


def ticks_diff(a, b):
    """As on a board, which has integers of 31 bits."""
    return ((a - b + 0x20000000) & 0x3FFFFFFF) - 0x20000000


@skip_on_cpython("asyncio of MicroPython")
def test_never_is_later_than_whatever_is_ready():
    from picolink.node.loop_board import NEVER_MS

    assert MICROPYTHON
    for now_ms in (0, 5, 0x1FFFFFFF, 0x3FFFFFFF):
        for ready_since_ms in (0, 1, 20, 60_000):
            due_ms = now_ms + NEVER_MS & 0x3FFFFFFF
            assert ticks_diff(due_ms, now_ms - ready_since_ms & 0x3FFFFFFF) > 0
