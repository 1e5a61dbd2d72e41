"""The traceback of an exception as text, on both interpreters. Loaded when something raised."""

import sys

MYPY = False
if MYPY:
    from typing import Any


def called_wrongly(error: "Any", text: str) -> bool:
    """Whether the arguments of a call did not fit the function: `text`, the traceback of `error`
    where it was called, goes no deeper."""
    return isinstance(error, TypeError) and text.count("  File ") == 1


def tell_once(consumer: "Any", error: "Any") -> None:
    """Prints what a consumer of values raised, where it is the first of its kind: the next value
    may fail as well, and so on."""
    kind = type(error).__name__
    told = getattr(consumer, "told", ())
    if kind not in told:
        consumer.told = told + (kind,)
        print("%s takes no such value:" % getattr(consumer, "label", "a subscriber"))
        try:
            print(format_traceback(error))
        except Exception:  # its own text raises
            print(kind)


def format_traceback(error: "Any") -> str:
    """What the interpreter would print of `error`."""
    if hasattr(sys, "print_exception"):
        from io import StringIO

        text = StringIO()
        sys.print_exception(error, text)
        return text.getvalue()
    import traceback

    return "".join(traceback.format_exception(error))
