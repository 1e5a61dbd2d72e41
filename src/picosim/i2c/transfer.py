"""What is put on a bus, by whom, and who answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

NACK = "nack"
TIMEOUT = "timeout"
STUCK = "stuck"


class Device(Protocol):
    """What answers at an address."""

    def answers(self, address: int) -> bool: ...
    def started(self) -> None: ...
    def write(self, byte: int) -> bool: ...
    def read(self) -> int | None: ...
    def read_ended(self) -> None: ...
    def stopped(self) -> None: ...
    def left(self) -> None: ...
    def clocked(self) -> bool: ...
    @property
    def has_memory(self) -> bool: ...
    @property
    def settled(self) -> bool: ...
    @property
    def holds_scl(self) -> bool: ...
    @property
    def holds_sda(self) -> bool: ...


@dataclass
class Message:
    """One part of a transfer, from a START on: bytes to write, or how many to read."""

    address: int
    read: bool
    data: bytes
    size: int


@dataclass
class Transfer:
    """What a controller wants. `done(transfer)` is called when the last bit is on the wires."""

    controller: object
    messages: Sequence[Message]
    frequency_hz: float
    timeout_s: float
    stretch_s: float
    """The longest that it waits for a target that holds the clock low."""
    done: Callable[[Transfer], None]
    stop: bool = True
    buggy: bool = False
    """It reads a byte wrong that comes late (the Raspberry Pi's own controller)."""
    probes: bool = False
    """An address alone is asked by software, which takes a low SDA for a yes (the rp2 port)."""
    attached: Callable[[], bool] = lambda: True
    """Whether the controller hangs at these wires."""
    failed: str = ""
    written: int = 0
    answer: bytearray = field(default_factory=bytearray)
