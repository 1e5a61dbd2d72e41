"""The traceback of an exception as text, on both interpreters. Loaded when something raised."""

import sys

from ..core.failure import PicolinkError
from .invoke import passes

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node


def called_wrongly(error: "Any", text: str) -> bool:
    """Whether the arguments of a call did not fit the function: `text`, the traceback of `error`
    where it was called, goes no deeper."""
    return isinstance(error, TypeError) and text.count("  File ") == 1


def callers_fault(error: BaseException) -> bool:
    """Whether a command says by `error` that its caller was wrong: it is told to him alone."""
    from ..core.errors import BadArguments, TooBig

    return isinstance(error, (BadArguments, TooBig))


# Kinds of errors by which a caller knows that its call was not begun (spec 6.5.1).
_NOT_BEGUN = ("Cancelled", "Expired", "Busy", "UnknownCommand", "BadArguments", "TooBig")


def kind_once_begun(kind: str) -> str:
    """The kind of an error of a command that was begun: none of those that say it was not."""
    return kind + "Error" if kind in _NOT_BEGUN else kind


class Failed(PicolinkError):
    """What a command has raised, for those who are told of it by a kind and a text."""

    def __init__(self, told_as: str, message: str) -> None:
        super().__init__(message)
        self.told_as = told_as


def once_begun(node: "Node", error: BaseException) -> Failed:
    """What a command has raised, which is reported, under a kind that does not say that it was not
    run; but `BadArguments` where it was called wrongly."""
    kind = kind_of(error)
    text = format_traceback(error)
    if called_wrongly(error, text):
        kind = "BadArguments"
    else:
        if not callers_fault(error):
            node.report(error, text)
        kind = kind_once_begun(kind)
    return Failed(kind, message_of(error))


def kind_of(error: "Any") -> str:
    """The name of its class, whatever that makes of it."""
    try:
        kind = str(type(error).__name__)
        kind.encode()
    except BaseException:  # of a metaclass
        return "Exception"
    return kind


def message_of(error: "Any") -> str:
    """`str(error)`, whatever its class makes of that; always UTF-8."""
    try:
        text = str(error)
        text.encode()
    except UnicodeError:  # half a surrogate pair
        return text.encode("ascii", "backslashreplace").decode()
    except MemoryError:
        return "(no memory for its message)"
    except BaseException:
        return "(no message: its __str__ failed)"
    return text


def format_traceback(error: "Any") -> str:
    """What the interpreter would print of `error`."""
    try:
        if hasattr(sys, "print_exception"):
            from io import StringIO

            out = StringIO()
            sys.print_exception(error, out)
            return out.getvalue()
        import traceback

        text = "".join(traceback.format_exception(error))
        return text.encode("utf-8", "backslashreplace").decode()
    except BaseException:  # of a class that can't be printed, or no memory
        return "%s: %s" % (kind_of(error), message_of(error))


def tell_once(node: "Node", consumer: "Any", error: BaseException) -> None:
    """Reports what a consumer of values raised, where it is the first of its kind: the next value
    may fail as well, and so on."""
    kind = kind_of(error)
    if kind not in consumer.told:
        consumer.told += (kind,)
        text = "%s takes no such value:\n%s" % (consumer.label, format_traceback(error))
        node.report(error, text)


def report(node: "Node", error: BaseException, text: str) -> None:
    """See `Node.report`."""
    try:
        print(text or format_traceback(error))
        if node.on_error is not None:
            node.on_error(error)
    except BaseException as problem:
        if passes(problem):
            raise
        try:
            print("picolink: on_error failed: " + format_traceback(problem))
        except Exception:
            pass  # nobody can be told
