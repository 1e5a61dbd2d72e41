"""A host's end of a UART: a pty for its programs, a login shell, or both at once."""

from __future__ import annotations

import os
import random
import termios
from collections.abc import Callable
from pathlib import Path

from picosim.base import system
from picosim.base.events import EventLoop
from picosim.uart.signal import Setting

READ_BYTES = 1024
"""So much is taken from the host's programs at once; the rest waits with them."""
LOGIN_BAUD = 115200
_BAUDS = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name[0] == "B" and name[1:].isdigit() and name != "B0"
}


class PtyEnd:
    """An `End` of a line that is a serial port on the host; its rate is what the host has set."""

    def __init__(self, loop: EventLoop, path: Path, baud: Callable[[], int]) -> None:
        self._loop = loop
        self._baud = baud
        self._master, self._slave = system.open_pty()
        os.set_blocking(self._master, False)
        name = os.ttyname(self._slave)
        self._watch = system.OpenWatch(name)
        self._openers = 0
        self.waiting = 0
        self.line_wake: Callable[[], None] = lambda: None
        loop.on_readable(self._master, self._readable)
        loop.on_readable(self._watch.fd, self._opened_or_closed)
        path.symlink_to(name)

    def _readable(self) -> None:
        self.line_wake()

    def _opened_or_closed(self) -> None:
        for change in self._watch.changes():
            self._openers = max(0, self._openers + change)
            if change < 0 and not self._openers:
                termios.tcflush(self._slave, termios.TCIFLUSH)
                system.reset_exclusive(self._slave)

    def setting(self, sending: bool) -> Setting | None:
        """As the last program has set the port."""
        _, _, cflag, _, _, speed, _ = termios.tcgetattr(self._slave)
        baud = self._baud() or _BAUDS.get(speed, 9600)
        bits = 5 + ((cflag & termios.CSIZE) // termios.CS6)
        parity = 0
        if cflag & termios.PARENB:
            parity = 1 if cflag & termios.PARODD else 2
        return Setting(baud, bits, parity, 2 if cflag & termios.CSTOPB else 1)

    def wired(self) -> bool:
        """A pty has no pins."""
        return True

    def renewed(self) -> bool:
        """What was written is sent, whatever is set later."""
        return False

    def take(self) -> bytes:
        """What programs have written, a little at a time."""
        if self.waiting >= READ_BYTES:
            self._loop.on_readable(self._master, None)
            return b""
        try:
            data = os.read(self._master, READ_BYTES)
        except OSError:
            return b""
        self.waiting += len(data)
        return data

    def sent(self, count: int) -> None:
        """So many bytes have left."""
        self.waiting -= count
        if self.waiting < READ_BYTES:
            self._loop.on_readable(self._master, self._readable)

    def deliver(self, data: bytes) -> None:
        """Bytes arrive; without a program that has the port open they are lost."""
        if self._openers:
            try:
                os.write(self._master, data)
            except BlockingIOError:
                pass  # nobody reads: lost, as in the port's own buffer

    def broken(self) -> None:
        """A break reads as a 0x00."""
        self.deliver(b"\x00")

    def close(self) -> None:
        """The port goes away."""
        self._loop.on_readable(self._master, None)
        self._loop.on_readable(self._watch.fd, None)
        self._watch.close()
        os.close(self._slave)
        os.close(self._master)


class LoginEnd:
    """An `End` of a line: a computer that offers a login there, as a Raspberry Pi's console."""

    PROMPT = b"raspberrypi login: "
    ISSUE = b"\r\nDebian GNU/Linux 12 raspberrypi ttyS0\r\n\r\n"

    def __init__(self, baud: Callable[[], int]) -> None:
        self._baud = baud
        self._answer = self.ISSUE + self.PROMPT
        self._line = b""
        self._name = b""
        self.line_wake: Callable[[], None] = lambda: None

    def setting(self, sending: bool) -> Setting | None:
        """115200 8N1, unless it was told otherwise."""
        return Setting(self._baud() or LOGIN_BAUD)

    def wired(self) -> bool:
        """It is at the wires."""
        return True

    def renewed(self) -> bool:
        """It keeps what it has to say."""
        return False

    def take(self) -> bytes:
        """Its answers."""
        answer, self._answer = self._answer, b""
        return answer

    def sent(self, count: int) -> None:
        """It does not wait for that."""

    def deliver(self, data: bytes) -> None:
        """Echoes what is typed (no password) and answers each line."""
        for byte in data.replace(b"\r", b"\n"):
            if byte == 10:
                self._enter()
            elif byte == 4:  # Ctrl-D: a new login
                self._answer += self.ISSUE + self.PROMPT
                self._line = self._name = b""
            elif byte == 21:  # Ctrl-U: the line anew
                self._line = b""
            elif 32 <= byte < 127:
                self._line += bytes((byte,))
                if not self._name:
                    self._answer += bytes((byte,))
        self.line_wake()

    def _enter(self) -> None:
        line, self._line = self._line, b""
        self._answer += b"\r\n"
        if self._name:
            self._name = b""
            self._answer += b"\r\nLogin incorrect\r\n" + self.PROMPT
        elif line:
            self._name = line
            self._answer += b"Password: "
        else:
            self._answer += self.PROMPT

    def broken(self) -> None:
        """A break makes it try the next baud rate, of which it has one."""
        self._answer += self.ISSUE + self.PROMPT
        self.line_wake()

    def close(self) -> None:
        """Nothing to close."""


class SharedEnd:
    """A port of the host that a program and a login shell both read: each gets some of it."""

    def __init__(self, port: PtyEnd, login: LoginEnd, on: Callable[[], bool], seed: str) -> None:
        self._port = port
        self._login = login
        self._on = on
        self._rng = random.Random(seed)
        self.line_wake: Callable[[], None] = lambda: None
        port.line_wake = login.line_wake = lambda: self.line_wake()
        self.setting = port.setting
        self.wired = port.wired
        self.renewed = port.renewed

    def take(self) -> bytes:
        """What either has to say."""
        return self._port.take() + (self._login.take() if self._on() else b"")

    def sent(self, count: int) -> None:
        """So many bytes have left."""
        self._port.sent(min(count, self._port.waiting))

    def deliver(self, data: bytes) -> None:
        """Whoever reads first has it."""
        if self._on() and self._rng.random() < 0.5:
            self._login.deliver(data)
        else:
            self._port.deliver(data)

    def broken(self) -> None:
        """Both hear a break."""
        self._port.broken()

    def close(self) -> None:
        """The port goes away."""
        self._port.close()
