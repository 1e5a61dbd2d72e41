"""Opens a serial port for this program alone, and says who holds it where that fails. Host only.

Linux and macOS; the error elsewhere says so.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from ...core.errors import BadAddress, CannotConnect, LinkError, PortBusy

_GONE = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO, errno.ENOTDIR)


def open_exclusive(path: str) -> int:
    """Opens `path` raw, non-blocking, for this program alone; returns the file descriptor.

    Errors: `CannotConnect` (no such port, or no permission: says the group to join) and
    `PortBusy` (says which program holds it, where the system tells).
    """
    if os.name != "posix":
        raise LinkError(f"can't open {path} without pyserial here: this needs Linux or macOS")
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        raise _no_permission(path) from None
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise _busy(path) from None
        if error.errno in _GONE:
            raise CannotConnect(
                f"there is no port {path}: unplugged, or the board is starting",
                kind="no_port",
                advice="`picolink devices` shows what is there",
            ) from None
        raise LinkError(f"can't open {path}: {error.strerror}") from error
    try:
        _claim(fd, path)
        _make_raw(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _claim(fd: int, path: str) -> None:
    import fcntl
    import termios

    # The lock is what pyserial and mpremote heed; TIOCEXCL keeps everybody else out, but root.
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _busy(path) from None
    # A pty outlives its openers, and the mark with it: it would lock all later ones out.
    if not os.path.realpath(path).startswith("/dev/pts/"):
        try:
            fcntl.ioctl(fd, termios.TIOCEXCL)
        except OSError as error:
            raise _no_serial_port(path) from error


def _make_raw(fd: int, path: str) -> None:
    import termios

    try:
        state = termios.tcgetattr(fd)
    except termios.error as error:
        raise _no_serial_port(path) from error
    # Bytes as they are, both ways: no flag of what comes, of what goes, of a terminal's lines.
    cflag = state[2] & ~(termios.CSIZE | termios.PARENB | termios.CSTOPB)
    cflag &= ~getattr(termios, "CRTSCTS", 0)
    state[:4] = [0, 0, cflag | termios.CS8 | termios.CREAD | termios.CLOCAL, 0]
    # USB has no baud rate, but 1200 would send some boards into their boot drive.
    state[4] = state[5] = termios.B115200
    state[6][termios.VMIN], state[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, state)


def read(fd: int, gone: str) -> bytes:
    """What has come at an open port; LinkError, which says `gone`, where it is unplugged."""
    try:
        data = os.read(fd, 65536)
    except BlockingIOError:
        return b""
    except OSError as error:
        raise LinkError(gone) from error
    if not data:
        raise LinkError(gone)
    return data


def write(fd: int, data: bytes, gone: str) -> int:
    """Writes what an open port takes, and says how much; LinkError as `read`."""
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except OSError as error:
        raise LinkError(gone) from error


def take_back(fd: int) -> None:
    """Throws away what was written and is still here: the other end has not taken it."""
    import termios

    with suppress(termios.error):  # it is gone
        termios.tcflush(fd, termios.TCOFLUSH)


def speeds() -> dict[int, int]:
    """The rates that this system knows -> what termios calls them."""
    import termios

    return {
        int(name[1:]): getattr(termios, name)
        for name in dir(termios)
        if name[0] == "B" and name[1:].isdigit() and name != "B0"
    }


def set_baud(fd: int, path: str, baud: int) -> None:
    """Sets an open port's rate; BadAddress where it can't do that, LinkError where it is gone."""
    import termios

    known = speeds()
    done = False
    if baud in known:
        try:
            state = termios.tcgetattr(fd)
            state[4] = state[5] = known[baud]
            termios.tcsetattr(fd, termios.TCSANOW, state)
            done = termios.tcgetattr(fd)[4:6] == state[4:6]
        except termios.error as error:
            if error.args[0] != errno.EINVAL:
                raise LinkError(f"the port {path} is gone: unplugged?") from error
    if not done:
        usual = ", ".join(str(rate) for rate in sorted(known) if rate >= 9600)
        raise BadAddress(f"{path} can't do {baud} baud; this system knows {usual}")


def _no_serial_port(path: str) -> LinkError:
    return CannotConnect(
        f"{path} is no serial port", kind="no_serial_port",
        advice="`picolink devices` shows what is there",
    )  # fmt: skip


def holders(path: str) -> list[tuple[int, str]]:
    """(process id, program) of all that have `path` open, as far as this user may look.

    Linux only; elsewhere the list is empty. Who holds a pty's other end does not count: a
    virtual board does.
    """
    wanted = os.path.realpath(path)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            files = list((process / "fd").iterdir())
        except OSError:
            continue  # another user's, or ended just now
        for file in files:
            try:
                is_it = os.readlink(file) == wanted
            except OSError:
                continue
            if is_it:
                here = process.name == str(os.getpid())
                if here or not _has_other_end(process, wanted):
                    found.append((int(process.name), _program(process)))
                break
    return sorted(found)


def _has_other_end(process: Path, pty: str) -> bool:
    """Whether it holds the master of `pty`: that is a board's end (Linux, pty_show_fdinfo)."""
    index = f"tty-index:\t{os.path.basename(pty)}\n"
    try:
        return any(index in fd.read_text() for fd in (process / "fdinfo").iterdir())
    except OSError:
        return False


def _program(process: Path) -> str:
    """What a person calls the program: ``mpremote``, not ``python3``."""
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        name = os.path.basename(words[0])
        if name.startswith("python"):
            rest = words[1:]
            if "-m" in rest[:-1]:
                return rest[rest.index("-m") + 1]
            if "-c" in rest:
                return name
            scripts = [word for word in rest if word and not word.startswith("-")]
            return os.path.basename(scripts[0]) if scripts else name
        return name or (process / "comm").read_text().strip()
    except (OSError, ValueError):
        return "a program that just ended"


def _busy(path: str) -> PortBusy:
    others = holders(path)
    if [number for number, _ in others] == [os.getpid()]:
        return PortBusy(
            f"this program has {path} open already", joint=": ",
            advice="use that connection, or close it first (in a notebook: restart the kernel if "
            "it is lost)",
        )  # fmt: skip
    named = [f"{name} (process {number})" for number, name in others if number != os.getpid()]
    if named:
        who = " and ".join(named)
        return PortBusy(f"{path} is held by {who}", advice="Close that, then try again")
    return PortBusy(
        f"{path} is held by another program, likely one of another user's or Thonny, mpremote, a "
        "serial monitor",
        advice=f"`sudo fuser -v {path}` names it; close it, then try again",
    )


def _no_permission(path: str) -> CannotConnect:
    why, advice = _who_may(path)
    return CannotConnect(why, kind="no_permission", advice=advice)


def _who_may(path: str) -> tuple[str, str]:
    """Why this user may not open `path`, and what to do."""
    import grp
    import pwd

    status = os.stat(path)
    try:
        group = grp.getgrgid(status.st_gid)
    except KeyError:
        why = f"no permission to open {path}: it belongs to group {status.st_gid}, without a name"
        return why, ""
    user = pwd.getpwuid(os.geteuid()).pw_name
    what = f"no permission to open {path}: it belongs to the group {group.gr_name}"
    if not status.st_mode & 0o060 or group.gr_gid == 0:
        # Joining would not help, or would give far more than a serial port.
        return f"{what}, whose members may not use it", f"`sudo chmod a+rw {path}` lets you, once"
    if user in group.gr_mem:
        return f"{what}, which {user} joined after logging in", "Log out and in again"
    return what, f"Join it: sudo usermod -aG {group.gr_name} {user}, then log out and in again"
