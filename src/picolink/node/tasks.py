"""Users' coroutines, run to their end in a task of their own. Loaded when the first one comes."""

import asyncio

from .invoke import LATE, end, guarded, passes

MYPY = False
if MYPY:
    from typing import Any

    from .invoke import Done
    from .node import Node


class Running:
    """A coroutine of a user's that is under way."""

    def __init__(self, node: "Node", coroutine: "Any", done: "Done", what: "Any") -> None:
        self._begun = False
        self._cancelled = False
        self._task = node.host.spawn(self._run(node, coroutine, done, what))

    async def _run(self, node: "Node", coroutine: "Any", done: "Done", what: "Any") -> None:
        value = error = None
        if self._cancelled:
            coroutine.close()
            error = not_begun()
        else:
            self._begun = True
            try:
                value = await watched(coroutine)
            except BaseException as problem:
                error = problem
                if self._ended(problem):
                    error = stopped()  # it is nobody's fault
        end(node, done, what, value, error)
        if error is not None and passes(error):
            raise error

    def _ended(self, problem: BaseException) -> bool:
        return self._cancelled and isinstance(problem, asyncio.CancelledError)

    def cancel(self) -> None:
        """Stops it. One that has not begun never does: its task is not cancelled, since a task
        that never ran could not say so."""
        self._cancelled = True
        if self._begun:
            self._task.cancel()


async def kept(node: "Node", coroutine: "Any") -> "Any":
    """A coroutine of the program's own: whatever it raises is reported, and no end of the node."""
    try:
        return await coroutine
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        if LATE == "send":  # a board's asyncio takes only these, if they can be printed: it does so
            if isinstance(error, Exception) and _printable(error):
                if node.on_error is not None:
                    guarded(node, node.on_error, error)
                raise
            node.trouble(error)
        else:
            if not isinstance(error, GeneratorExit):  # by which Python lets go of it
                node.trouble(error)
            if not isinstance(error, (SystemExit, KeyboardInterrupt)):
                raise


def _printable(error: BaseException) -> bool:
    try:
        str(error)
    except BaseException:
        return False
    return True


def stopped() -> BaseException:
    """What a call ends with that was cancelled while it ran."""
    from .error_reply import NotBegun

    return NotBegun("CancelledError", "cancelled while it ran")


def refuse_generator(generator: "Any") -> None:
    """Ends a call that returned what only a stream may."""
    generator.close()
    raise TypeError("it is a generator: declare it with @node.stream, or return a list")


def not_begun() -> BaseException:
    """What a call ends with that was cancelled before it began."""
    from .error_reply import NotBegun

    return NotBegun("Cancelled", "cancelled before it began")


def watched(coroutine: "Any") -> "Any":
    """`coroutine`, to be awaited. On a board a generator looks like one: it would be waited for
    for ever, and is told by its first value."""
    if LATE != "send":
        return coroutine
    return _watched(coroutine)


def _watched(coroutine: "Any") -> "Any":
    try:
        if coroutine.send(None) is not None:
            refuse_generator(coroutine)
        while True:
            try:
                yield
                break
            except BaseException as error:  # it was cancelled
                coroutine.throw(error)
    except StopIteration as stop:
        return stop.value
    return (yield from coroutine)
