"""A terminal program for tests: waits for text with a deadline."""

from __future__ import annotations

import os
import select
import time
import tty


class Terminal:
    """Opens a board's USB path as a program on the host would."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        self.seen = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.fd, data) :]

    def read_some(self, timeout_s: float) -> bytes:
        """What comes next; b"" when nothing does in time."""
        if not select.select([self.fd], [], [], timeout_s)[0]:
            return b""
        return os.read(self.fd, 65536)

    def expect(self, what: bytes, timeout_s: float = 20) -> bytes:
        """Read until `what` has come; returns all up to its end, keeps what follows."""
        deadline = time.monotonic() + timeout_s
        while what not in self.seen:
            data = self.read_some(max(0, deadline - time.monotonic()))
            if not data:
                raise TimeoutError(f"{what!r} did not come; there came {self.seen!r}")
            self.seen += data
        at = self.seen.index(what) + len(what)
        head, self.seen = self.seen[:at], self.seen[at:]
        return head

    def expect_hang_up(self, timeout_s: float = 5) -> None:
        """Read until the port is gone."""
        deadline = time.monotonic() + timeout_s
        while select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                if not os.read(self.fd, 65536):
                    return
            except OSError:
                return
        raise TimeoutError("the port did not hang up")

    def read_until_quiet(self, quiet_s: float) -> bytes:
        """All that comes until nothing came for `quiet_s`."""
        data, self.seen = self.seen, b""
        while more := self.read_some(quiet_s):
            data += more
        return data
