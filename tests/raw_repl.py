"""A board's raw REPL for tests: executes code there and gives what it printed."""

from __future__ import annotations

import os
import time
import tty

from terminal import Terminal

_ENTERED = b"raw REPL; CTRL-B to exit\r\n>"


class Raised(Exception):
    """What was executed raised there; the message is the traceback."""


class RawRepl(Terminal):
    """A port whose program was stopped (MicroPython, `shared/runtime/pyexec.c`)."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def reopen(self, timeout_s: float) -> None:
        """Open the port again once it is back."""
        self.close()
        end_s = time.monotonic() + timeout_s
        while self.fd < 0:
            try:
                self.fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
                tty.setraw(self.fd)
            except OSError:
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.05)  # nobody tells that a port is back
        self.seen = b""

    def until(self, what: bytes, timeout_s: float = 5) -> bytes:
        """What came before `what`."""
        return self.expect(what, timeout_s)[: -len(what)]

    def enter(self) -> None:
        """Stop the program and enter the raw REPL."""
        self.send(b"\r\x03\x03\r\x01")
        self.until(_ENTERED)

    def begin(self, source: str) -> None:
        """Start `source`; what it prints follows."""
        self.send(source.encode() + b"\x04")
        self.until(b"OK")

    def end(self, timeout_s: float = 10) -> bytes:
        """What was printed, once it has ended."""
        printed = self.until(b"\x04", timeout_s)
        error = self.until(b"\x04>").decode().strip()
        if error:
            raise Raised(error)
        return printed

    def run(self, source: str, timeout_s: float = 10) -> bytes:
        """What `source` prints."""
        self.begin(source)
        return self.end(timeout_s)

    def soft_reset(self) -> None:
        """Reset the interpreter; boot.py runs, main.py does not."""
        self.send(b"\x04")
        self.until(b"soft reboot")
        self.until(_ENTERED)
