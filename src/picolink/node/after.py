"""Something to be done once, some time from now."""

import gc

from ..core.seldom import fetched, on_loaded

MYPY = False
if MYPY:
    from collections.abc import Callable

    from .node import Node
_LOADED_MS = 2000


def forget_later(node: "Node") -> None:
    """A board has loaded a file for what is seldom done: it lets go of it once nothing of it was
    wanted for a while."""
    tell = on_loaded[0]

    def forget() -> None:
        if fetched[0]:
            fetched[0] = False
            after(node, _LOADED_MS, forget)
        else:
            on_loaded.append(tell)
            node.forget()

    after(node, _LOADED_MS, forget)
    on_loaded.clear()


def after(node: "Node", ms: int, function: "Callable[[], object]") -> None:
    """Calls `function` in `ms` milliseconds, if the node still runs then."""
    due_ms = node.now_ms() + ms
    try:
        _keep(node, due_ms, function)
    except MemoryError:  # mostly it is to try again what had none: that must not be lost
        gc.collect()
        _keep(node, due_ms, function)
    node.host.call_by(due_ms)


def _keep(node: "Node", due_ms: int, function: "Callable[[], object]") -> None:
    def tick(now_ms: int) -> int | None:
        if now_ms < due_ms:
            return due_ms
        try:
            function()
        except MemoryError:
            raise  # it stays, and is called again soon
        except BaseException:
            node.on_tick.remove(tick)
            raise
        node.on_tick.remove(tick)
        return None

    node.on_tick.append(tick)
