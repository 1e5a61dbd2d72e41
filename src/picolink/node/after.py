"""Something to be done once, some time from now."""

MYPY = False
if MYPY:
    from collections.abc import Callable

    from .node import Node


def after(node: "Node", ms: int, function: "Callable[[], object]") -> None:
    """Calls `function` in `ms` milliseconds, if the node still runs then."""
    due_ms = node.now_ms() + ms

    def tick(now_ms: int) -> int | None:
        if now_ms < due_ms:
            return due_ms
        node.on_tick.remove(tick)
        function()
        return None

    node.on_tick.append(tick)
    node.host.call_by(due_ms)
