"""Which exceptions are meant for our loops, though a function of a user's let them out.

A function may raise KeyboardInterrupt, SystemExit or CancelledError itself, by `raise` or
`sys.exit()`: that is its failure. A Ctrl-C that came while it ran, and the cancelling of the task
it runs in, are none of its doing.
"""

import asyncio
import sys

if sys.implementation.name == "micropython":

    def _real_ctrl_c(error: BaseException) -> bool:
        # The interpreter has one such object, beside its other variables; what Python raises
        # lies on the heap.
        return -4096 < id(error) - id(sys.modules) < 4096

    def _cancelled() -> bool:
        return False  # a board cancels no tasks but those of calls, which say so themselves

else:
    import dis
    import functools
    import signal
    import threading
    from types import TracebackType
    from typing import Any

    from .host.signals import Patient

    def _real_ctrl_c(error: BaseException) -> bool:
        """Whether a signal's handler raised it, and no `raise` of the function's."""
        if threading.current_thread() is not threading.main_thread():
            return False  # signals are handled in that one
        handler: Any = signal.getsignal(signal.SIGINT)
        while isinstance(handler, functools.partial):
            handler = handler.func
        if isinstance(handler, Patient):
            handler = Patient.__call__
        code = getattr(handler, "__code__", None)
        at: TracebackType | None = error.__traceback__
        raised = False
        while at is not None:
            if code is not None and at.tb_frame.f_code is code:
                return True
            operation = at.tb_frame.f_code.co_code[at.tb_lasti]
            raised = dis.opname[operation] == "RAISE_VARARGS"
            at = at.tb_next
        return not raised

    def _cancelled() -> bool:
        """Whether the task that runs now is being cancelled."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no loop in this thread
            return False
        return task is not None and task.cancelling() > 0


def is_ours(error: BaseException) -> bool:
    """Whether `error` is to go on through a loop of ours."""
    if isinstance(error, KeyboardInterrupt):
        return _real_ctrl_c(error)
    if isinstance(error, asyncio.CancelledError):
        return _cancelled()
    return False
