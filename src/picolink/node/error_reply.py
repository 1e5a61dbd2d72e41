"""Answers a call with an error. Loaded when the first one has failed."""

import gc

from ..core.errors import BadArguments, TooBig
from ..core.failure import PicolinkError
from ..core.packets import ERROR
from .traceback import (
    called_wrongly,
    callers_fault,
    format_traceback,
    kind_of,
    kind_once_begun,
    message_of,
)

MYPY = False
if MYPY:
    from .talk import Talk


class NotBegun(PicolinkError):
    """Answers a call under another kind than that of its exception: one that was not run, or was
    stopped."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


_SHORT = 40  # characters of a message for which there is little room


def answer(talk: "Talk", ref: int, error: BaseException, messages: int, begun: bool) -> None:
    """Answers call `ref` with [kind, message, traceback, messages of items sent before]: whole, or
    as much as the peer takes and memory allows."""
    kind = kind_of(error)
    text = ""
    if isinstance(error, NotBegun):
        kind = error.kind
        begun = False  # whatever was tried
    elif isinstance(error, MemoryError) and not begun:
        kind = "Busy"
    elif not begun and not isinstance(error, PicolinkError):
        error = BadArguments("the call can't be read")
        kind = "BadArguments"
    elif begun and not callers_fault(error):
        text = format_traceback(error)
        if called_wrongly(error, text):
            kind = "BadArguments"
            text = ""
            begun = False
        else:
            talk.node.report(error, text)
    if begun:
        kind = kind_once_begun(kind)
    message = message_of(error)
    for told in (
        [kind, message, text, messages],
        [kind, message, "", messages],
        [kind, message[:_SHORT], "", messages],
        [kind, message[: _SHORT // 4], "", messages],
        [kind[: _SHORT // 2], "", "", messages],
    ):
        try:
            talk.reply(ERROR, ref, told)
            return
        except (TooBig, BadArguments):
            pass
        except MemoryError:
            gc.collect()
    talk.session.ignored += 1
