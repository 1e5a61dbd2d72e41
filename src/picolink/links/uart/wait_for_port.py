"""A serial port that is gone, an adapter that was pulled out: looked for until it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...core.errors import LinkError, PicolinkError
from .link import UartLink

_LOOK_S = 0.5
"""Nobody tells that a port is back."""


class ServedPort(UartLink):
    """A port that a node serves: once lost, it waits for the port to come back."""

    again: Callable[[], ServedPort]
    """Opens it anew; a PicolinkError says why not."""

    def reopen(self) -> Away:
        """What stands for it meanwhile."""
        return Away(self)


class Away:
    """The link while its port is not there: nothing comes, and it is lost once the port is back."""

    stream = True
    reliable = False
    pollable = None
    unsent = False
    rest = b""

    def __init__(self, gone: ServedPort) -> None:
        self.address = gone.address
        self.mtu_bytes = gone.mtu_bytes
        self.takes_bytes = gone.takes_bytes
        self.window_bytes = gone.window_bytes
        self.on_ready: Callable[[], object] = int
        self.on_text: Callable[[bytes], object] = len
        self._again = gone.again
        self._found: ServedPort | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._look_later()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        try:
            self._found = self._again()
        except (PicolinkError, OSError):
            self._look_later()
        else:
            self.on_ready()

    def reopen(self) -> ServedPort:
        """The port, which is back."""
        found, self._found = self._found, None
        assert found is not None
        return found

    def receive(self) -> list[bytes]:
        """Nothing; LinkError once the port is back."""
        if self._found is not None:
            raise LinkError(f"{self.address} is back")
        return []

    def send(self, packet: bytes) -> None:
        """Nobody is there."""

    def write(self, text: bytes) -> None:
        """Nobody is there."""

    def flush(self) -> None:
        """Nothing is ever unsent."""

    def close(self) -> None:
        """Looks no longer."""
        if self._timer is not None:
            self._timer.cancel()
