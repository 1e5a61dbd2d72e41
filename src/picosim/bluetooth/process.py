"""The process that is the air: its radio, the stacks of boards, the controllers of computers.

The world tells it over a socket what to do, and everything ends when that closes. Who uses
Bluetooth connects at a port of loopback and says in its first line who it is: ["board", token] is
a board's program, ["power", token] its supervisor, ["adapter", token, name] a computer. After that
a board calls (`[number, [name, ...]]` is answered by `[number, error, value]`), its supervisor is
told by a byte that there are events, and a computer speaks HCI.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import json
import logging
import signal
import socket
import sys
from typing import Any

from picosim.bluetooth.computers import Computers
from picosim.bluetooth.faults import BluetoothFaults
from picosim.bluetooth.medium import Radio
from picosim.bluetooth.stack import BoardStack

KNOWN_WITHIN_S = 5
LINE_BYTES = 1 << 20


class BoardRadio:
    """One board's radio chip, over all its boots."""

    def __init__(self, radio: Radio, name: str, mac: str) -> None:
        self.radio = radio
        self.name = name
        self.mac = mac
        self.place = (1.0, 0.0)
        self.stack: BoardStack | None = None
        self.power: asyncio.StreamWriter | None = None

    def wake(self) -> None:
        """The board is to fetch events."""
        if self.power:
            self.power.write(b"w")

    def program(self) -> BoardStack:
        """A program begins to use it."""
        if self.stack:
            self.stack.end()
        self.stack = BoardStack(self.radio, self.name, self.mac, self.wake)
        self.stack.controller.place = self.place
        return self.stack

    def move(self, place: tuple[float, float]) -> None:
        """It is elsewhere now."""
        self.place = place
        if self.stack:
            self.stack.controller.place = place

    def dark(self) -> None:
        """It lost its power: nobody is told."""
        if self.stack:
            self.stack.end()
            self.stack = None

    def soft_reset(self) -> None:
        """Its program ended: the firmware switches the radio off."""
        if self.stack:
            self.stack.do_off()
            self.stack = None


class AirProcess:
    """All of one world's Bluetooth."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self.radio = Radio(config["seed"])
        self.boards: dict[str, BoardRadio] = {}
        self._computers = Computers(self.radio, config["token"])
        self._known = asyncio.Condition()
        self._world: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Serve until the world goes."""
        listener = socket.socket(fileno=self._config["listener"])
        here = socket.socket(fileno=self._config["fd"])
        reader, self._world = await asyncio.open_connection(sock=here, limit=LINE_BYTES)
        server = await asyncio.start_server(self._comes, sock=listener, limit=LINE_BYTES)
        while line := await reader.readline():
            message = json.loads(line)
            result = getattr(self, "tell_" + message[0])(*message[1:])
            if inspect.isawaitable(result):
                await result
        server.close()

    # -- the world says

    async def tell_board(self, token: str, name: str, mac: str, x_m: float, y_m: float) -> None:
        """There is a board."""
        self.boards[token] = BoardRadio(self.radio, name, mac)
        self.boards[token].move((x_m, y_m))
        async with self._known:
            self._known.notify_all()

    def tell_faults(self, about: dict[str, Any]) -> None:
        """The air is this bad."""
        self.radio.faults = BluetoothFaults(**about)

    def tell_place(self, token: str, x_m: float, y_m: float) -> None:
        """A board, or (token "") this computer, is there now."""
        if token:
            self.boards[token].move((x_m, y_m))
        else:
            self._computers.move((x_m, y_m))
        self.radio.changed()

    def tell_adapter(self, state: str) -> None:
        """This computer's adapter is on, off or missing."""
        self._computers.set_state(state)

    def tell_done(self, number: int) -> None:
        """All before this was done."""
        if self._world:
            self._world.write(json.dumps(["answer", number, None]).encode() + b"\n")

    # -- who uses Bluetooth

    async def _comes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                kind, token, *rest = json.loads(await reader.readline())
            except ValueError:
                kind, token, rest = "", "", []
            if kind == "adapter":
                await self._computers.serve(token, rest[0], reader, writer)
            elif kind in ("board", "power"):
                board = await self._board(token)
                if board and kind == "board":
                    await self._serve_program(board, reader, writer)
                elif board:
                    await self._serve_power(board, reader, writer)
        writer.close()

    async def _board(self, token: str) -> BoardRadio | None:
        async with self._known:
            try:
                async with asyncio.timeout(KNOWN_WITHIN_S):
                    await self._known.wait_for(lambda: token in self.boards)
            except TimeoutError:
                return None
        return self.boards[token]

    async def _serve_power(
        self, board: BoardRadio, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        board.power = writer
        if board.stack:
            board.wake()
        try:
            while byte := await reader.read(1):
                if byte == b"r":
                    board.soft_reset()
                elif byte == b"d":
                    board.dark()
        finally:  # also where it was killed, and had not read all: that is a reset
            if board.power is writer:
                board.power = None
                board.dark()

    async def _serve_program(
        self, board: BoardRadio, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        stack = board.program()
        while line := await reader.readline():
            try:
                number, (name, *arguments) = json.loads(line)
            except ValueError:
                continue  # a Ctrl-C came into it
            error, value = await _answer(stack, name, arguments)
            writer.write(json.dumps([number, error, value]).encode() + b"\n")
            if name == "off":
                await writer.drain()
                board.stack = None
                return


async def _answer(stack: BoardStack, name: str, arguments: list[Any]) -> tuple[int, Any]:
    try:
        result = getattr(stack, "do_" + name)(*arguments)
        if inspect.isawaitable(result):
            result = await result
    except OSError as failed:
        return failed.errno or (failed.args[0] if failed.args else errno.EIO), None
    except (ValueError, OverflowError):
        return errno.EINVAL, None
    return 0, result


def main() -> None:
    """Run the air that the first argument (JSON) describes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.CRITICAL)  # the stack remarks on much that is meant
    asyncio.run(_serve(json.loads(sys.argv[1])))


async def _serve(config: dict[str, Any]) -> None:
    await AirProcess(config).run()
