"""Bluetooth as a world holds it: the air, this computer's adapter, the boards' radios.

The process behind it is started when a board switches its radio on, or a program of this computer
wants to use Bluetooth: both connect at a port that is there from the beginning.
"""

from __future__ import annotations

import dataclasses
import os
import random
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picosim.base import announce
from picosim.base.child import Child
from picosim.base.lines import Message
from picosim.bluetooth.faults import BluetoothFaults
from picosim.errors import BluetoothMissing

if TYPE_CHECKING:
    from picosim.world import World

HERE = "127.0.0.1"
_SUPPLY = "it needs bumble: pip install 'picosim[bluetooth]'"


class Bluetooth:
    """The air. Made by `World`, as `world.bluetooth`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.faults = BluetoothFaults()
        self._listener = socket.create_server((HERE, 0), backlog=64)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._token = f"{random.SystemRandom().getrandbits(64):x}"
        self._boards: list[Message] = []
        self._settings: list[Message] = []
        self._child: Child | None = None
        self._announcement: Path | None = None
        self.host = Adapter(self)
        """This computer's adapter."""
        world.loop.post(self._wait_for_somebody)

    def board(self, name: str, unique_id: bytes) -> BoardBluetooth:
        """The radio of a new board."""
        token = f"{random.SystemRandom().getrandbits(64):x}"
        mac = bytes((0x28, 0xCD, 0xC1)) + unique_id[-4:-1]
        radio = BoardBluetooth(self, token, mac, (1.0, float(len(self._boards))))
        address = radio.address

        def add() -> None:
            self._boards.append(["board", token, name, address, *radio.place])
            self.tell(*self._boards[-1])

        self._world.loop.call(add)
        if self._announcement is None:
            about = {
                "kind": "bluetooth",
                "port": self.port,
                "token": self._token,
                "pid": os.getpid(),
            }
            self._announcement = announce.announce_radio(about)
        return radio

    def set(self, faults: BluetoothFaults) -> None:
        """From now on the air is this bad; connections keep the interval that they have."""
        self.faults = faults
        self.say("faults", dataclasses.asdict(faults))

    @property
    def process_id(self) -> int:
        """Of the process that is the air; 0 while nobody has used Bluetooth."""
        return self._child.pid if self._child else 0

    def say(self, *message: Any) -> None:
        """Tell the process, now or when it is there, and wait until it has done it."""
        kind = list(message[:2] if message[0] == "place" else message[:1])

        def tell() -> None:
            self._settings = [s for s in self._settings if s[: len(kind)] != kind]
            self._settings.append(list(message))
            self.tell(*message)

        self._world.loop.call(tell)
        self._settle()

    def tell(self, *message: Any) -> None:
        """Tell the process, if it is there; in the world's thread only."""
        if self._child:
            self._child.tell(*message)

    def _settle(self) -> None:
        if self._child:
            try:
                self._child.ask("done")
            except TimeoutError:
                what = "ended" if self._child.gone else "does not answer"
                raise BluetoothMissing(f"the simulated Bluetooth {what}. {self._said()}") from None

    def _said(self) -> str:
        said = self._child.said() if self._child else ""
        return _SUPPLY if "No module named 'bumble'" in said else said[-1000:]

    # -- in the world's thread

    def _wait_for_somebody(self) -> None:
        self._world.loop.on_readable(self._listener.fileno(), self._start)

    def _start(self) -> None:
        self._world.loop.on_readable(self._listener.fileno(), None)
        self._child = Child(
            self._world.loop,
            "picosim.bluetooth.process",
            {"token": self._token, "seed": f"{self._world.seed}/bluetooth"},
            self._world.directory / "bluetooth.stderr",
            lambda message: None,
            self._ended,
            self._listener,
        )
        self._listener.close()
        for message in [*self._boards, *self._settings]:
            self.tell(*message)

    def _ended(self) -> None:
        print(f"the simulated Bluetooth ended. {self._said()}", file=sys.stderr)

    def close(self) -> None:
        """End it; in the world's thread."""
        if self._announcement:
            self._announcement.unlink(missing_ok=True)
        if self._child:
            self._child.kill()
        elif self._listener.fileno() >= 0:
            self._world.loop.on_readable(self._listener.fileno(), None)
            self._listener.close()


class Place:
    """Where something is, in metres: this computer at (0, 0), boards at (1, 0), (1, 1), ..."""

    FAR_M = 1000.0

    def __init__(self, air: Bluetooth, token: str, place: tuple[float, float]) -> None:
        self._air = air
        self._token = token
        self.place = place

    def move(self, x_m: float, y_m: float = 0) -> None:
        """Carry it elsewhere; signals get weaker with the distance, and end after 178 m."""
        self.place = (x_m, y_m)
        self._air.say("place", self._token, x_m, y_m)


class BoardBluetooth(Place):
    """The Bluetooth of one board, as `board.bluetooth`."""

    def __init__(self, air: Bluetooth, token: str, mac: bytes, place: tuple[float, float]) -> None:
        super().__init__(air, token, place)
        self.token = token
        self.mac = mac
        self._home = self.place

    def __repr__(self) -> str:
        return f"<Bluetooth {self.address} at {self.place}>"

    @property
    def address(self) -> str:
        """As bleak writes it: 28:CD:C1:..."""
        return ":".join(f"{byte:02X}" for byte in self.mac)

    def out_of_range(self) -> None:
        """Carry the board so far away that nothing reaches it, or comes from it."""
        if self.place[0] < self.FAR_M:
            self._home = self.place
        self.move(self._home[0] + 2 * self.FAR_M, self._home[1])

    def back(self) -> None:
        """Carry it back to where it was."""
        self.move(*self._home)


class Adapter(Place):
    """This computer's Bluetooth adapter, as `world.bluetooth.host`."""

    def __init__(self, air: Bluetooth) -> None:
        super().__init__(air, "", (0.0, 0.0))
        self.state = "on"

    def off(self) -> None:
        """Switch it off, as `rfkill` and `bluetoothctl power off` do: connections end."""
        self._set("off")

    def on(self) -> None:
        """Switch it on, or put it in again."""
        self._set("on")

    def remove(self) -> None:
        """Pull it out: there is none, and who was connected hears nothing more."""
        self._set("missing")

    def _set(self, state: str) -> None:
        self.state = state
        self._air.say("adapter", state)
