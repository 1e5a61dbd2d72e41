"""What the simulator needs of Linux beyond Python's own modules."""

from __future__ import annotations

import array
import contextlib
import ctypes
import fcntl
import os
import select
import signal
import struct
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_F_SETPIPE_SZ = 1031
_IN_CLOSE = 0x18
_IN_OPEN = 0x20
_PTMX = {"/dev/ptmx", "/dev/pts/ptmx"}


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def one_page_pipe() -> tuple[int, int]:
    """A non-blocking pipe of one page: it is writable again only once all of it was read."""
    r, w = os.pipe()
    fcntl.fcntl(w, _F_SETPIPE_SZ, 4096)
    os.set_blocking(w, False)
    return r, w


def changed_at(path: Path) -> float:
    """When a file was last written; 0 where another program has just removed it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0


def unread_bytes(fd: int) -> int:
    """How many bytes wait to be read from `fd`."""
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


def pty_unread_bytes(slave: int) -> int:
    """How many bytes wait at a pty's slave, those included that were only just written to it.

    Asking an empty terminal whether it is readable makes the kernel hand over what is on the way;
    one that is not empty may still hide the newest bytes.
    """
    poll = select.poll()
    poll.register(slave, select.POLLIN)
    poll.poll(0)
    return unread_bytes(slave)


def openers(path: str) -> int:
    """How many processes have a pty's slave open at `path`, as far as this user may look; those
    that hold its other end (this one) do not count."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        opened = master = False
        with contextlib.suppress(OSError):  # another user's, or ended just now
            for file in (process / "fd").iterdir():
                with contextlib.suppress(OSError):  # closed just now
                    target = os.readlink(file)
                    opened = opened or target == path
                    master = master or (target in _PTMX and _is_master(process, file.name, path))
        count += opened and not master
    return count


def _is_master(process: Path, fd: str, slave: str) -> bool:
    # Linux, drivers/tty/pty.c, pty_show_fdinfo: which pty's master it is.
    return f"tty-index:\t{os.path.basename(slave)}\n" in (process / "fdinfo" / fd).read_text()


def open_pty() -> tuple[int, int]:
    """A pty (master, slave) whose two ends pass every byte unchanged."""
    master, slave = os.openpty()
    tty.setraw(slave)
    return master, slave


def reset_port(slave: int) -> None:
    """What closing a port does for the next opener: raw again, unread bytes gone, not exclusive."""
    tty.setraw(slave, termios.TCSANOW)
    termios.tcflush(slave, termios.TCIFLUSH)
    reset_exclusive(slave)


def reset_exclusive(slave: int) -> None:
    """The next opener is not kept out by the last one's claim."""
    fcntl.ioctl(slave, termios.TIOCNXCL)


class OpenWatch:
    """Tells when a path is opened and closed by any process; `fd` is readable then."""

    def __init__(self, path: str) -> None:
        self.fd: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0 or _libc.inotify_add_watch(self.fd, path.encode(), _IN_OPEN | _IN_CLOSE) < 0:
            raise OSError(ctypes.get_errno(), "cannot watch " + path)

    def changes(self) -> list[int]:
        """What happened since the last call: +1 for each open, -1 for each close."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return []
        found, at = [], 0
        while at < len(data):
            _, mask, _, length = struct.unpack_from("iIII", data, at)
            at += 16 + length
            found += [1] * bool(mask & _IN_OPEN) + [-1] * bool(mask & _IN_CLOSE)
        return found

    def close(self) -> None:
        """Stop watching."""
        os.close(self.fd)


def interruptible(signal_number: int, handler: int | None) -> None:
    """Install a C function as the handler of a signal, which then interrupts system calls."""
    _libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    _libc.signal(signal_number, handler)
    _libc.siginterrupt(signal_number, 1)


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Hold process `pid` still: what is found out about it meanwhile stays true, and a signal that
    it is sent meanwhile comes before anything else it does."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while _state(pid) not in "TtZX":
            os.sched_yield()
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def signal_main(pid: int, signal_number: int) -> None:
    """Send a signal to the first thread of process `pid`; else any of them may take it."""
    if _libc.tgkill(pid, pid, signal_number):
        raise ProcessLookupError(pid)


def _state(pid: int) -> str:
    """The letter for what a process does, as `ps` shows it; "X" where it is not told."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "X"


def catches(pid: int, signal_number: int) -> bool:
    """Whether process `pid` has a handler for the signal."""
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("SigCgt:"):
                    return bool(int(line.split()[1], 16) >> (signal_number - 1) & 1)
    except OSError:
        pass
    return False
