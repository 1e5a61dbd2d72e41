"""What a forked child does, for tests of what that leaves of its parent's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def child(run: Callable[[], str]) -> str:
    """What `run` gives in a forked child."""
    told, tell = os.pipe()
    number = os.fork()
    if number == 0:
        said = "nothing: it hung, or was ended"
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(10)
            try:
                said = run()
            except BaseException as error:
                said = repr(error)
            os.write(tell, said.encode())
        finally:
            os._exit(0)
    os.close(tell)
    with os.fdopen(told, "rb") as pipe:
        said = pipe.read().decode()
    assert os.waitpid(number, 0)[1] == 0, said
    return said
