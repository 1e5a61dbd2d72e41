"""The raw REPL of a board on a serial port: runs MicroPython source there. A few lines instead of
a dependency; `mpremote` does much more."""

from __future__ import annotations

import os
import select
import time

from ..core.errors import CannotConnect, LinkError, RemoteError
from ..links.usb.discover import open_exclusive, resolve
from ..links.usb.serial_port import read, write

_CHUNK = 256  # what a board's USB buffer takes at once, so that no line editor is overrun


class RawRepl:
    """A port in the raw REPL. The program that ran there is stopped."""

    def __init__(self, address: str) -> None:
        self.path = resolve(address).path
        self._fd = open_exclusive(self.path)
        self._gone = f"{self.path} was unplugged, or the board was reset"
        self._heard = b""

    def close(self) -> None:
        """Closes the port."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def reopen(self, timeout_s: float) -> None:
        """Opens the port again once it is back after a hard reset."""
        self.close()
        self._heard = b""
        end_s = time.monotonic() + timeout_s
        while True:
            try:
                self._fd = open_exclusive(self.path)
                return
            except LinkError:
                # Nobody tells that a port is back: it is looked for, four times a second.
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.25)

    def write(self, data: bytes) -> None:
        """Sends all of it, as fast as the board takes it."""
        while data:
            select.select([], [self._fd], [], 5)
            count = write(self._fd, data[:_CHUNK], self._gone)
            if not count:
                raise LinkError(f"{self.path}: the board takes no more input: reset it")
            data = data[count:]

    def until(self, what: bytes, timeout_s: float = 5) -> bytes:
        """What came before `what`; LinkError where it does not come."""
        end_s = time.monotonic() + timeout_s
        while what not in self._heard:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not select.select([self._fd], [], [], left_s)[0]:
                raise LinkError(
                    f"{self.path}: {what!r} did not come within {timeout_s:g} s; the last that "
                    f"came was {self._heard[-80:]!r}"
                )
            self._heard += read(self._fd, self._gone)
        before, _, self._heard = self._heard.partition(what)
        return before

    def enter(self) -> None:
        """Stops the program and enters the raw REPL, with what the board knew still there."""
        try:
            self.write(b"\r\x03\x03\r\x01")
            self.until(b"raw REPL; CTRL-B to exit\r\n>")
        except LinkError as error:
            raise CannotConnect(
                f"{self.path}: no raw REPL ({error}): is MicroPython on it, and does its program "
                "let Ctrl-C through? Unplug it, plug it in, and try again"
            ) from None

    def begin(self, source: str) -> None:
        """Starts source; its output follows."""
        self.write(source.encode() + b"\x04")
        self.until(b"OK")

    def end(self, timeout_s: float = 10) -> bytes:
        """The output of what was started, once it has ended; RemoteError where it raised."""
        output = self.until(b"\x04", timeout_s)
        error = self.until(b"\x04>").decode("utf-8", "replace").strip()
        if error:
            last = error.splitlines()[-1]
            raise RemoteError(f"on the board: {last}", last.partition(":")[0], error)
        return output

    def run(self, source: str, timeout_s: float = 10) -> bytes:
        """Runs source and returns its output."""
        self.begin(source)
        return self.end(timeout_s)

    def soft_reset(self) -> float:
        """Resets the interpreter from the raw REPL (runs boot.py only); seconds that it took."""
        began_s = time.monotonic()
        self.write(b"\x04")
        self.until(b"soft reboot")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")
        return time.monotonic() - began_s

    def restart_main(self) -> None:
        """Leaves the raw REPL and starts main.py, as power on does."""
        self.write(b"\x02")
        self.until(b">>> ")
        self.write(b"\x04")
        self.until(b"soft reboot")
