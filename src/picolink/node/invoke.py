"""The border between our loops and everything they call.

What users wrote raises anything, blocks, is a coroutine or not; and what we wrote can run out of
memory. Nothing of that may end a loop of ours: an exception behind this border is reported and
counts as the failure of what was called. Only what is meant for us passes (interrupts.py).
"""

import sys

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from .node import Node

    # what `call` was given to pass on; the value, or what was raised
    Done = Callable[[Any, Any, BaseException | None], object]

# What tells a coroutine. On CPython a generator has it not; on a board they are of one type.
if sys.implementation.name == "micropython":
    LATE = "send"
else:
    LATE = "__await__"

NONE: "dict[str, Any]" = {}  # named arguments


def passes(error: BaseException) -> bool:
    """Whether `error` is for our loop, and no failure of what the loop called."""
    if isinstance(error, Exception):
        return False
    from .interrupts import is_ours

    return is_ours(error)


def guarded(node: "Any", function: "Callable[..., Any]", *args: "Any") -> "Any":
    """Calls `function` for a loop of ours; None where it raised, which `node.report` is told."""
    try:
        return function(*args)
    except BaseException as error:
        if node is None or passes(error):
            raise
        tell(node, error)


def tell(node: "Any", error: BaseException) -> None:
    """Reports what was raised, if there is memory for that."""
    try:
        node.report(error)
    except Exception:
        pass


def call(
    node: "Node", function: "Callable[..., Any]", args: "Any", named: "dict[str, Any]",
    done: "Done", what: "Any", awaits: bool = True,
) -> "Any":  # fmt: skip
    """Calls a user's function. `done(what, value, error)` is called once: now, or when its
    coroutine has ended; then what is returned can cancel it. Not `awaits`: what it returns is
    the value, whatever it is."""
    if node.aside is not None:
        return node.aside(function, args, named, done, what, awaits)
    try:
        value = function(*args, **named)
        if awaits and hasattr(value, LATE):
            from .tasks import Running

            return Running(node, value, done, what)
        if sys.implementation.name == "micropython":
            pass
        elif awaits and hasattr(value, "send"):
            from .tasks import refuse_generator

            refuse_generator(value)
    except BaseException as error:
        if passes(error):
            raise
        end(node, done, what, None, error)
        return None
    try:
        done(what, value, None)
    except BaseException as problem:
        node.trouble(problem)
    return None


def end(node: "Node", done: "Done", what: "Any", value: "Any", error: BaseException | None) -> None:
    """Tells how a call ended, whatever whoever waits for it does."""
    try:
        done(what, value, error)
    except BaseException as problem:
        node.trouble(problem)
