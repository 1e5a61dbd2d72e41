"""A computer as controller of I2C targets, on `smbus2`: `i2c:1/0x43`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import glob
import os
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from ...core.errors import BadAddress, CannotConnect, LinkError, PicolinkError, PortBusy
from .controller import Controller, ControllerSide
from .layout import MTU_BYTES
from .options import numbers

HELP: dict[str, tuple[str, str, dict[str, str]]] = {
    "i2c": (
        "i2c:1/0x43 for /dev/i2c-1; on a board i2c:0/0x43",
        "the wires SDA, SCL and ground, to a board that is a target; needs smbus2",
        {"sda, scl": "on a board: its pins, as sda=0&scl=1",
         "freq": "on a board: the clock, 100000 Hz if left out, 400000 between two boards",
         "ready": "on a board: the pin at which the target says that it has something"},
    ),
    "i2c-target": (
        "on a board i2c-target:0/0x43",
        "a board that a computer or another board controls over I2C",
        {"sda, scl": "its pins, as sda=0&scl=1",
         "ready": "a pin that is high while something waits to be read"},
    ),
    "i2c-registers": (
        "on a board i2c-registers:0/0x43",
        "a board whose registers (node.register) plain scripts read and write, a bare byte at a "
        "time",
        {"sda, scl": "its pins, as sda=0&scl=1"},
    ),
}  # fmt: skip

IDLE_BITS = 7500
_USUAL_HZ = 100_000
_OPENING_S = 1.0  # for a target that is being reset, or writes its flash
_GOODBYE_S = 0.3
_BUDGET_MS = 200  # of transfers with one target, before the others of its bus have their turn
_AGAIN_S = 0.02
_FOREVER_S = 1e9
_NOBODY = (errno.EREMOTEIO, errno.ENXIO, errno.EIO)

_lock = threading.Lock()
_buses: dict[int, Bus] = {}


class Bus:
    """One /dev/i2c-N, and a thread that makes the transfers of all links on it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._smbus = open_bus(number)
        self.hz = clock_hz(number)
        self.links: list[HostLink] = []
        self._changed = threading.Condition()
        self._kicked = False
        self._thread = threading.Thread(
            target=self._run, name=f"picolink i2c-{number}", daemon=True
        )

    def access(self, address: int) -> tuple[Callable[[int, int], bytes], Callable[..., None]]:
        """How a target's memory is read, and how it is written."""
        from smbus2 import i2c_msg

        transfer = self._smbus.i2c_rdwr
        pointers: dict[int, Any] = {}

        def read(register: int, n: int) -> bytes:
            pointer = pointers.get(register)
            if pointer is None:
                pointer = pointers[register] = i2c_msg.write(address, (register,))
            answer = i2c_msg.read(address, n)
            transfer(pointer, answer)
            return bytes(answer)

        def write(register: int, data: bytes) -> None:
            transfer(i2c_msg.write(address, bytes((register,)) + data))

        return read, write

    def pause(self) -> None:
        """A moment in which a target may come back."""
        threading.Event().wait(_AGAIN_S)

    def kick(self) -> None:
        """Something is to be done at once."""
        with self._changed:
            self._kicked = True
            self._changed.notify()

    def claim(self, address: int) -> None:
        """Keeps other programs from the target: two controllers would take each other's packets.
        PortBusy where one has it."""
        try:
            claim(self._smbus.fd, address)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise PortBusy(
                    f"another picolink program talks to i2c:{self.number}/0x{address:02x}",
                    advice="end it, or let it do the work", joint=": ",
                ) from None  # fmt: skip

    def add(self, link: HostLink) -> None:
        """Begins to look after a link that was opened."""
        with self._changed:
            link.opened = True
            self._share()
            if not self._thread.is_alive():
                self._thread.start()
        self.kick()

    def remove(self, link: HostLink) -> None:
        """One link less; after the last the bus is closed."""
        with _lock, self._changed:
            if link in self.links:
                self.links.remove(link)
                self._share()
                with contextlib.suppress(OSError):  # now, not when the thread closes the bus
                    claim(self._smbus.fd, link.target, free=True)
            if not self.links:
                _buses.pop(self.number, None)
                if not self._thread.is_alive():
                    self._smbus.close()
        self.kick()

    def _share(self) -> None:
        """All looks together take less than a hundredth of the bus."""
        idle_ms = max(10, IDLE_BITS * 1000 // self.hz) * len(self.links)
        for link in self.links:
            link.box.idle_ms = idle_ms

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self.links:
                    break
                links = [link for link in self.links if link.opened]
                wait_s = min((link.due_s for link in links), default=_FOREVER_S) - time.monotonic()
                if wait_s > 0 and not self._kicked:
                    self._changed.wait(min(wait_s, threading.TIMEOUT_MAX))
                self._kicked = False
            for link in links:
                link.turn()
        self._smbus.close()


class HostLink(ControllerSide):
    """The link to one target. `turn` is called by the bus's thread, all else by whoever drives the
    node."""

    takes_bytes = MTU_BYTES

    def __init__(self, bus: Bus, address: int) -> None:
        self.address = f"i2c:{bus.number}/0x{address:02x}"
        self.target = address
        self.on_text: Callable[[bytes], object] = len
        self.on_ready: Callable[[], object] = int
        self.box = Controller(*bus.access(address), lambda: time.monotonic_ns() // 1_000_000, 65)
        self.box.on_room = self._room
        self._turning = threading.Lock()
        self._sent = threading.Event()  # all that was given
        self._sent.set()
        self.due_s = 0.0
        self._given = False  # a packet: its turn is at once
        self.opened = False
        self._bus = bus
        self._full = False
        self._why = ""

    # The bus's thread

    def turn(self) -> None:
        """Does what is due."""
        if self._given or time.monotonic() >= self.due_s:
            self._given = False
            with self._turning:
                if not self._why:
                    self._turn()

    def _turn(self) -> None:
        box = self.box
        wait_ms = 0
        try:
            wait_ms = box.poll(_BUDGET_MS)
        except LinkError as error:
            self._why = str(error)
            wait_ms = 1 << 30
        self.due_s = time.monotonic() + wait_ms / 1000 if wait_ms else 0.0
        if not box.waiting or self._why:
            self._sent.set()
        if box.packets or self._why:
            self.on_ready()
        else:
            self._room()

    def _room(self) -> None:
        if self._full and not self.box.full():
            self._full = False
            self.on_ready()

    # Whoever drives the node

    @property
    def unsent(self) -> bool:
        """Whether it takes no other packet yet."""
        self._full = True  # before it is asked: the bus's thread looks at it
        self._full = self.box.full()
        return self._full

    def receive(self) -> list[bytes]:
        """The packets that have come."""
        coming = self.box.packets  # which the bus's thread adds to
        packets = [coming.pop(0) for _ in range(len(coming))]
        if not packets and self._why:
            raise LinkError(self._why)
        return packets

    def send(self, packet: bytes) -> None:
        """Sends a packet."""
        if self._why:
            raise LinkError(self._why)
        self.box.waiting.append(packet)
        self._sent.clear()
        self._given = True
        self._bus.kick()

    def close(self) -> None:
        """Leaves the bus, once what waits was sent: the last of it is a goodbye."""
        if not self._why:
            self._sent.wait(_GOODBYE_S)
            self._why = "closed here"
        with self._turning:  # the bus's thread is done with the target
            self._bus.remove(self)


def open_bus(number: int) -> Any:
    """/dev/i2c-N by smbus2; CannotConnect, with what to do, where it can't be opened."""
    try:
        import smbus2
    except ImportError:
        raise CannotConnect(
            "I2C from this computer needs smbus2", kind="no_library", joint=": ",
            advice='pip install "picolink[i2c]"',
        ) from None  # fmt: skip
    try:
        return smbus2.SMBus(number)
    except FileNotFoundError:
        there = ", ".join(
            sorted(path.removeprefix("/dev/i2c-") for path in glob.glob("/dev/i2c-*"))
        )
        raise CannotConnect(
            f"there is no /dev/i2c-{number}: I2C is not enabled", kind="not_enabled",
            advice="On a Raspberry Pi: sudo raspi-config, Interface Options, I2C (or "
            "dtparam=i2c_arm=on in config.txt), then restart; its pins 3 and 5 are bus 1. Buses "
            f"here: {there or 'none'}",
        ) from None  # fmt: skip
    except PermissionError:
        raise CannotConnect(
            f"/dev/i2c-{number} may not be opened by this user", kind="no_permission", joint=": ",
            advice="sudo usermod -aG i2c $USER, then log out and in",
        ) from None  # fmt: skip
    except OSError as error:
        raise CannotConnect(f"/dev/i2c-{number} can't be opened: {error}") from None


def claim(fd: int, address: int, free: bool = False) -> None:
    """Locks one byte of the device's file, or frees it; OSError where another has it."""
    import fcntl

    kind = fcntl.F_UNLCK if free else fcntl.F_WRLCK
    lock = struct.pack("hhqqi4x", kind, os.SEEK_SET, address, 1, 0)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, lock)


def clock_hz(number: int) -> int:
    """The bus's clock, where the system tells it."""
    try:
        with open(f"/sys/class/i2c-adapter/i2c-{number}/of_node/clock-frequency", "rb") as file:
            return max(1000, int.from_bytes(file.read(4), "big"))
    except OSError:
        return _USUAL_HZ


def no_answer(bus: int, address: int, error: OSError) -> PicolinkError:
    """The error where nobody answers."""
    if error.errno in _NOBODY:
        return CannotConnect(
            f"nobody answers at 0x{address:02x} on /dev/i2c-{bus}: is the board on, its node.run("
            f'...) with "i2c-target:0/0x{address:02x}" running, SDA (pin 3) at its GP0, SCL (pin '
            "5) at its GP1, ground joined?"
        )
    if error.errno == errno.ETIMEDOUT:
        return CannotConnect(
            f"the bus /dev/i2c-{bus} stands still (timeout): something holds SDA or SCL low, or "
            "the wires are crossed; unplug what is on it, one by one"
        )
    return CannotConnect(f"no transfer on /dev/i2c-{bus} is possible: {error}")


def open_link(scheme: str, where: str, options: dict[str, str], timeout_s: float = 10) -> HostLink:
    """Opens `i2c:BUS/ADDRESS`."""
    if scheme != "i2c":
        raise BadAddress(f"{scheme}:{where} is a board's; a computer is the controller: i2c:1/0x43")
    try:
        number, address = numbers(where)
    except ValueError:
        raise BadAddress(
            f"i2c:{where} is no bus and target: as i2c:1/0x43, for /dev/i2c-1 and a target's "
            "address from 0x08 to 0x77"
        ) from None
    for name in options:
        raise BadAddress(
            f"i2c:{where} has no option {name!r} on this computer"
            + (
                "; its clock is set in config.txt: dtparam=i2c_arm_baudrate=400000"
                if name == "freq"
                else ""
            )
        )
    end_s = time.monotonic() + min(timeout_s, _OPENING_S)
    with _lock:
        bus = _buses.get(number)
        if bus is None:
            bus = _buses[number] = Bus(number)
        elif address in [other.target for other in bus.links]:
            raise PortBusy(f"i2c:{where} is open already in this program: use its connection")
        link = HostLink(bus, address)
        bus.links.append(link)  # so that nobody else opens it, and the bus stays
    try:
        bus.claim(address)
        while True:
            try:
                if link.box.begin():
                    break
                error: PicolinkError = CannotConnect(
                    f"what answers at 0x{address:02x} on /dev/i2c-{number} is no picolink node, "
                    "but another chip, or a program on the board with an I2C of its own: give the "
                    "node another address, as i2c-target:0/0x44"
                )
            except OSError as failed:
                error = no_answer(number, address, failed)
            if time.monotonic() >= end_s:
                raise error
            bus.pause()
    except BaseException:
        bus.remove(link)
        raise
    bus.add(link)
    return link


async def open_async(scheme: str, where: str, options: dict[str, str]) -> HostLink:
    """The same, without holding up the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, open_link, scheme, where, options)
