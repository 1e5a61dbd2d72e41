"""The real MicroPython: the PyPI wheel (run in a forked process), or `micropython` on the PATH."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import time
import traceback

from picosim.base import system
from picosim.base.environment import setting
from picosim.errors import InterpreterMissing

MINIMUM = (1, 22)
"""Oldest MicroPython that has all that the stand-ins use."""

_NEEDED = "asyncio _thread vfs socket select json cryptolib hashlib binascii"

EXIT_SOFT_RESET = 0x40
"""Exit status of an interpreter that ended as for a soft reset; one more: from the raw REPL."""

TOO_SOON_S = 0.05


class Interpreter:
    """Starts interpreters; `load()` finds the best there is."""

    program: str | None = None

    def start(self, arguments: list[str], fds: dict[int, int], raw_repl: bool) -> int:
        """Start one with `fds` (number there -> number here) and return its process id."""
        raise NotImplementedError

    def interrupt(self, pid: int, *, asked: bool = False) -> bool:
        """Raise KeyboardInterrupt in it, unless it switched that off; `asked`: even then."""
        # Held still: a program that ends between question and signal would leave the signal to the
        # REPL, where nothing catches the exception and the interpreter ends.
        for _ in range(10_000):
            with system.stopped(pid):
                if not asked and not system.catches(pid, signal.SIGINT):
                    return False
                if _system_call(pid) != _FUTEX:
                    self._raise(pid)
                    return True
        return False

    def _raise(self, pid: int) -> None:
        raise NotImplementedError

    def nudge(self, pid: int) -> None:
        """Make a blocking call in it run the callbacks that are scheduled."""
        raise NotImplementedError


class Wheel(Interpreter):
    """The PyPI wheel: a library, so a fork of this process starts it without loading anything."""

    def __init__(self) -> None:
        import micropython_run

        self._module = micropython_run
        self._library = ctypes.CDLL(micropython_run.__file__)
        function = self._library.mp_sched_keyboard_interrupt
        self._interrupt = ctypes.cast(function, ctypes.c_void_p).value
        self._raw_repl = ctypes.c_int.in_dll(self._library, "pyexec_mode_kind")

    def start(self, arguments: list[str], fds: dict[int, int], raw_repl: bool) -> int:
        """Fork; the child becomes the interpreter and ends with an `EXIT_...` status."""
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            _take(fds)
            # The interpreter's own handler ends the process at a second Ctrl-C; this one doesn't.
            system.interruptible(signal.SIGUSR1, self._interrupt)
            signal.signal(signal.SIGUSR2, lambda *_: None)
            self._raw_repl.value = int(raw_repl)
            self._module.run_main(["micropython", *arguments])
            status = EXIT_SOFT_RESET + self._raw_repl.value
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _raise(self, pid: int) -> None:
        system.signal_main(pid, signal.SIGUSR1)  # at the next bytecode, or out of a blocking call

    def nudge(self, pid: int) -> None:
        """Interrupt a blocking call, which then looks at the scheduler. One that runs looks there
        by itself."""
        if _system_call(pid) not in (_FUTEX, "running"):
            os.kill(pid, signal.SIGUSR2)


#: In which the collector waits until the other thread has marked what it holds. A signal ends that
#: too early: both then write to the same tables, and what lives is freed.
_FUTEX = "202"


def _system_call(pid: int) -> str:
    """The number of the system call that a process is in, "running" where in none."""
    try:
        with open(f"/proc/{pid}/syscall") as file:
            return file.read().split()[0]
    except (OSError, IndexError):
        return ""  # not told here, or it has ended


class Program(Interpreter):
    """`micropython` on the PATH. Callbacks wait there for the end of a blocking call."""

    def __init__(self, program: str) -> None:
        self.program = program
        self._interrupted = 0.0

    def start(self, arguments: list[str], fds: dict[int, int], raw_repl: bool) -> int:
        """Fork and execute."""
        pid = os.fork()
        if pid:
            return pid
        try:
            assert self.program
            _take(fds)
            os.execv(self.program, [self.program, *arguments])
        finally:
            os._exit(127)

    def _raise(self, pid: int) -> None:
        # What a terminal would send; a second one too soon would end it.
        if time.monotonic() - self._interrupted > TOO_SOON_S:
            self._interrupted = time.monotonic()
            system.signal_main(pid, signal.SIGINT)

    def nudge(self, pid: int) -> None:
        """Not possible: this program would die of any other signal."""


def _take(fds: dict[int, int]) -> None:
    # Runs in the child. First out of the way, then into place, then everything else is closed.
    system.die_with_parent(signal.SIGKILL)
    high = {there: os.dup(here) for there, here in fds.items()}
    moved = {there: _above(fd, 64) for there, fd in high.items()}
    for there, fd in moved.items():
        os.dup2(fd, there)
    os.closerange(max(fds) + 1, 1024)


def _above(fd: int, least: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD, least)


def check() -> str:
    """Say which interpreter `load` would take; raise InterpreterMissing if there is none.

    `$PICOSIM_MICROPYTHON` names a program to take instead of the wheel.
    """
    chosen = setting("MICROPYTHON")
    if not chosen and importlib.util.find_spec("micropython_run"):
        return "wheel"
    program = shutil.which(chosen or "micropython")
    if program is None:
        raise InterpreterMissing(
            "no MicroPython found, which virtual boards run; "
            "install it with: pip install picosim "
            "(or, where that has no build for this computer, your system's package micropython)"
        )
    test = (
        "import sys\n"
        f"for m in '{_NEEDED}'.split(): __import__(m)\n"
        "print('%d.%d' % sys.implementation[1][:2])"
    )
    done = subprocess.run([program, "-c", test], capture_output=True, text=True, timeout=10)
    found = done.stdout.strip()
    if done.returncode or not found:
        why = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise InterpreterMissing(
            f"{program} cannot run virtual boards ({why}); it is probably built without a module "
            "that boards have. Install one that can: pip install picosim"
        )
    if tuple(int(x) for x in found.split(".")) < MINIMUM:
        raise InterpreterMissing(
            f"{program} is MicroPython {found}, too old to stand for a board; "
            f"{MINIMUM[0]}.{MINIMUM[1]} is needed: pip install picosim"
        )
    return program


def load() -> Interpreter:
    """The interpreter to use here; raises InterpreterMissing."""
    found = check()
    return Wheel() if found == "wheel" else Program(found)
