"""UARTs as the host holds them: a board's port, and the wires that hang there."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from picolink.sim.lines import Lines, Message
from picolink.sim.uart.faults import UartFaults

if TYPE_CHECKING:
    from picolink.sim.virtual_board import VirtualBoard
    from picolink.sim.world import World

_START = "import sys; sys.path[:] = {path!r}; from picolink.sim.uart.process import main; main()"


class BoardUart(NamedTuple):
    """A UART of a board and the pins at which wires can hang."""

    board: VirtualBoard
    id: int
    tx: int
    rx: int


def board_uart(board: VirtualBoard, id: int, tx: int | None, rx: int | None) -> BoardUart:
    """The UART `id`, at pins that it has; ValueError otherwise."""
    if id not in (0, 1):
        raise ValueError(f"a Pico W has the UARTs 0 and 1, not {id!r}")
    found = []
    for role, name, pin in ((0, "TX", tx), (1, "RX", rx)):
        if pin is None:
            pin = 4 * id + role
        legal = [p for p in range(30) if p & 3 == role and (p + 4 & 8) >> 3 == id]
        if pin not in legal:
            raise ValueError(
                f"GP{pin} is no {name} pin of UART {id}; those are "
                + ", ".join(f"GP{p}" for p in legal)
            )
        found.append(pin)
    return BoardUart(board, id, *found)


_WAIT_S = 20  # for its process, also on a computer that has much to do


class UartWire:
    """The wires between two UARTs, or of one to a host. Made by `World.uart`."""

    def __init__(
        self,
        world: World,
        number: int,
        a: BoardUart | str,
        b: BoardUart | str,
        faults: UartFaults,
    ) -> None:
        for end in (a, b):
            if not isinstance(end, BoardUart) and end not in ("pty", "login"):
                raise ValueError(f'{end!r} is no end of a UART: give board.uart(0), "pty", "login"')
        self._world = world
        self.ends = (a, b)
        self.faults = faults
        self.path = str(world.directory / f"uart{number}") if "pty" in self.ends else ""
        """The host's port, as pyserial or picolink open it; "" where no end is a host."""
        self._socket = str(world.directory / f"wire{number}")
        self._changed = threading.Condition()
        self._attached = [0, 0]
        self._ready = False
        self._requests = 0
        self._counts: tuple[int, list[dict[str, int]]] = (0, [])
        self._lines: Lines | None = None
        self._start(f"{world.seed}/uart{number}")
        for index, end in enumerate(self.ends):
            if isinstance(end, BoardUart):
                end.board.wire_uart(end.id, self._socket, index, (end.tx, end.rx))
                if end.board.process_id:
                    self._wait(lambda index=index: self._attached[index] > 0, "attach")

    def _start(self, seed: str) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self._socket)
        listener.listen(4)
        here, there = socket.socketpair()
        config = {
            "fd": there.fileno(),
            "listener": listener.fileno(),
            "ends": [end if isinstance(end, str) else "board" for end in self.ends],
            "path": self.path,
            "faults": dataclasses.asdict(self.faults),
            "seed": seed,
        }
        start = _START.format(path=[p or os.getcwd() for p in sys.path])
        with open(self._socket + ".stderr", "wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", start, json.dumps(config)],
                pass_fds=[there.fileno(), listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        there.close()
        listener.close()

        def listen() -> None:
            self._lines = Lines(self._world.loop, here, self._told, self._lost)

        self._world.loop.post(listen)
        self._wait(lambda: self._ready, "start")

    def __repr__(self) -> str:
        return f"<UART wire {self.ends[0]} - {self.ends[1]} {self.path}>"

    @property
    def process_id(self) -> int:
        """Of the process that keeps the pace."""
        return self._process.pid

    def cut(self) -> None:
        """Cut all wires: bytes that are sent are lost."""
        self._send("cut", True)
        self.counts()  # which is answered when it is done

    def mend(self) -> None:
        """Join them again."""
        self._send("cut", False)
        self.counts()

    def set(self, faults: UartFaults) -> None:
        """From now on the wires are this bad."""
        self.faults = faults
        self._send("faults", dataclasses.asdict(faults))
        self.counts()

    def noise(self, end: int, data: bytes) -> None:
        """Have `data` arrive at an end (0 or 1) out of nothing."""
        self._send("noise", end, data.hex())

    def counts(self) -> list[dict[str, int]]:
        """For either direction (from the first end, from the second) how many bytes were sent,
        delivered, flipped and lost by faults, and overflowed at the receiving board."""
        with self._changed:
            self._requests += 1
            number = self._requests
        self._send("counts", number)
        self._wait(lambda: self._counts[0] >= number, "answer")
        return self._counts[1]

    def close(self) -> None:
        """End the process behind it."""
        self._process.kill()
        self._process.wait()
        if self._lines:
            self._world.loop.post(self._lines.close)
            self._lines = None
        for path in (self._socket, self.path):
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _send(self, *message: Any) -> None:
        def tell() -> None:
            if self._lines:
                self._lines.send(*message)

        self._world.loop.post(tell)

    def _wait(self, until: Any, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(until, _WAIT_S):
                with open(self._socket + ".stderr") as stderr:
                    said = stderr.read().strip()
                raise RuntimeError(f"the UART's wires did not {what} within {_WAIT_S} s. {said}")

    def _told(self, message: Message) -> None:
        with self._changed:
            if message[0] == "ready":
                self._ready = True
            elif message[0] == "attached":
                self._attached[message[1]] += 1
            elif message[0] == "counts":
                self._counts = (message[1], message[2])
            self._changed.notify_all()

    def _lost(self) -> None:
        pass  # it was closed; or it fell over: whoever waits for it says so
