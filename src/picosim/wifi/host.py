"""The ports that a board in the air listens at, as this computer reaches them on loopback."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from picosim.wifi.flow import Flow, silent_port

if TYPE_CHECKING:
    from picosim.wifi.medium import Air
    from picosim.wifi.radio import Radio


class Door:
    """One listening port of a board: open while its radio answers, silent otherwise."""

    def __init__(self, air: Air, radio: Radio, port: int) -> None:
        self._air = air
        self._radio = radio
        self._port = port
        self._open: bool | None = None
        self._sockets: list[socket.socket] = []
        self.update()

    def update(self) -> None:
        """The radio may be different."""
        radio = self._radio
        opens = bool(radio.reached()) and not radio.silent and self._port in radio.tcp
        if opens == self._open:
            return
        self.close()
        if opens:
            listener = socket.create_server((radio.address, self._port), backlog=16)
            listener.setblocking(False)
            self._sockets = [listener]
            self._air.loop.on_readable(listener.fileno(), self._comes)
        else:
            self._sockets = silent_port(radio.address, self._port)
        self._open = opens

    def _comes(self) -> None:
        from picosim.wifi.medium import HERE, End

        try:
            connection, _ = self._sockets[0].accept()
        except BlockingIOError:
            return
        radio = self._radio
        leg = socket.socket()
        try:
            leg.connect((radio.address, radio.tcp[self._port]))
        except OSError:  # it was closed, and nobody told
            leg.close()
            connection.close()
            return
        port = leg.getsockname()[1]
        radio.callers[port] = (self._air.host_ip(radio), port)
        ends = (End(None, 0, HERE), End(radio, radio.boot, radio.reached()))
        Flow(self._air, (connection, leg), ends)

    def close(self) -> None:
        """Nobody listens there any more."""
        if self._open:
            self._air.loop.on_readable(self._sockets[0].fileno(), None)
        for sock in self._sockets:
            sock.close()
        self._sockets = []
        self._open = None
