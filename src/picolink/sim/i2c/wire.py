"""I2C as the host holds it: a board's block, and the bus at which it hangs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from picolink.sim import announce
from picolink.sim.i2c.faults import I2cFaults
from picolink.sim.lines import Lines, Message

if TYPE_CHECKING:
    from picolink.sim.virtual_board import VirtualBoard
    from picolink.sim.world import World

_START = "import sys; sys.path[:] = {path!r}; from picolink.sim.i2c.process import main; main()"
_WAIT_S = 20  # for its process, also on a computer that has much to do
DEFAULT_PINS = ((4, 5), (6, 7))
CONTROLLERS = ("pi", "gpio")


class BoardI2c(NamedTuple):
    """An I2C block of a board and the pins at which wires can hang."""

    board: VirtualBoard
    id: int
    sda: int
    scl: int


def board_i2c(board: VirtualBoard, id: int, sda: int | None, scl: int | None) -> BoardI2c:
    """The block `id`, at pins that it has; ValueError otherwise."""
    if id not in (0, 1):
        raise ValueError(f"a Pico W has I2C 0 and 1, not {id!r}")
    found = []
    for role, name, pin in ((0, "SDA", sda), (1, "SCL", scl)):
        if pin is None:
            pin = DEFAULT_PINS[id][role]
        # 23 to 25 lead to the radio, 28 is the last that comes out.
        legal = [p for p in (*range(23), 26, 27, 28) if p & 1 == role and (p & 2) >> 1 == id]
        if pin not in legal:
            raise ValueError(
                f"GP{pin} is no {name} pin of I2C {id}; those are "
                + ", ".join(f"GP{p}" for p in legal)
            )
        found.append(pin)
    return BoardI2c(board, id, *found)


class I2cBus:
    """The wires between I2C blocks, and the host's controller at them. Made by `World.i2c`."""

    def __init__(
        self,
        world: World,
        number: int,
        blocks: tuple[BoardI2c, ...],
        host: int | None,
        pull_ups: bool,
        baudrate: int,
        controller: str,
        faults: I2cFaults,
    ) -> None:
        if not blocks and host is None:
            raise ValueError("an I2C bus needs something at its wires: give board.i2c(0), ...")
        if controller not in CONTROLLERS:
            raise ValueError(
                f'{controller!r} is no controller of a host: there is "pi" (a Raspberry Pi\'s '
                'own, with its clock-stretching bug) and "gpio" (two of its pins)'
            )
        self._world = world
        self.blocks = blocks
        self.host = host
        """The number of the host's /dev/i2c-N; None where no host is at the wires."""
        self.pull_ups = pull_ups
        self.faults = faults
        self._baudrate = baudrate
        self._controller = controller
        self._socket = str(world.directory / f"i2c{number}")
        self._changed = threading.Condition()
        self._attached = [0] * len(blocks)
        self._ready = False
        self._requests = 0
        self._low = (False, False)  # SDA, SCL, between transfers
        self._counts: tuple[int, dict[str, int]] = (0, {})
        self._lines: Lines | None = None
        self._announcement: Path | None = None
        self._start(f"{world.seed}/i2c{number}")
        self._pull()
        for index, block in enumerate(blocks):
            block.board.wire_i2c(block.id, self._socket, index, (block.sda, block.scl))
        if host is not None:
            about = {
                "kind": "i2c",
                "bus": host,
                "socket": self._socket,
                "pid": self.process_id,
                "world": os.getpid(),
            }
            self._announcement = announce.announce_bus(about)

    def _start(self, seed: str) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self._socket)
        listener.listen(8)
        here, there = socket.socketpair()
        config = {
            "fd": there.fileno(),
            "listener": listener.fileno(),
            "faults": dataclasses.asdict(self.faults),
            "pull_ups": self.pull_ups,
            "baudrate": self._baudrate,
            "controller": self._controller,
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
        host = "" if self.host is None else f" /dev/i2c-{self.host}"
        return f"<I2C bus{host} {' - '.join(block.board.name for block in self.blocks)}>"

    @property
    def process_id(self) -> int:
        """Of the process that keeps the pace."""
        return self._process.pid

    def chip(self, address: int, registers: bytes) -> None:
        """Put another chip on the bus, one that is no board: registers behind a pointer."""
        if not 0x08 <= address <= 0x77 or not registers:
            raise ValueError("a chip has an address from 0x08 to 0x77 and at least one register")
        self._send("chip", address, registers.hex())
        self.counts()  # which is answered when it is done

    def set(self, faults: I2cFaults) -> None:
        """From now on the bus is this bad."""
        self.faults = faults
        self._send("faults", dataclasses.asdict(faults))
        self.counts()
        self._pull()

    def cut(self) -> None:
        """Cut the wires: every controller is alone."""
        self.set(dataclasses.replace(self.faults, cut=True))

    def mend(self) -> None:
        """Join them again."""
        self.set(dataclasses.replace(self.faults, cut=False))

    def counts(self) -> dict[str, int]:
        """What went over the wires: transfers, bits (start, stop, addresses and acknowledges too),
        data bytes, nacks, timeouts; bytes that were stretched, misread by a Pi, flipped; and how
        long the bus has been there, `elapsed_us`."""
        with self._changed:
            self._requests += 1
            number = self._requests
        self._send("counts", number)
        self._wait(lambda: self._counts[0] >= number, "answer")
        return self._counts[1]

    def close(self) -> None:
        """End the process behind it."""
        if self._announcement:
            self._announcement.unlink(missing_ok=True)
            self._announcement = None
        self._process.kill()
        self._process.wait()
        if self._lines:
            self._world.loop.post(self._lines.close)
            self._lines = None
        with contextlib.suppress(OSError):
            os.unlink(self._socket)

    def _pull(self) -> None:
        # What the pins of the boards read while the bus is idle.
        high = 1 if self.pull_ups and not self.faults.cut else None
        levels = [0 if low and not self.faults.cut else high for low in self._low]
        for block in self.blocks:
            for number, level in zip((block.sda, block.scl), levels):
                pin = block.board.pin(number)
                self._world.loop.call(lambda pin=pin, level=level: pin.wired(self, level))  # type: ignore[misc]

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
                raise RuntimeError(f"the I2C bus did not {what} within {_WAIT_S} s. {said}")

    def _told(self, message: Message) -> None:
        with self._changed:
            if message[0] == "ready":
                self._ready = True
            elif message[0] == "attached":
                self._attached[message[1]] += 1
            elif message[0] == "counts":
                self._counts = (message[1], message[2])
            elif message[0] == "low":
                self._low = (message[1], message[2])
                self._pull()
            self._changed.notify_all()

    def _lost(self) -> None:
        pass  # it was closed; or it fell over: whoever waits for it says so
