"""A node in a program that has a `while True` of its own (`Node.poll`)."""

import asyncio

from .opening import open_all

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node


def poll(node: "Node", links: "tuple[Any, ...]") -> None:
    """Serves what has come, and returns."""
    if node.host is None:
        node.loop = asyncio.new_event_loop()
        node.loop.run_until_complete(open_all(node, links))
    node.loop.run_until_complete(_turn())


async def _turn() -> None:
    # On MicroPython `sleep` alone is no coroutine that a loop would run.
    await asyncio.sleep(0)
