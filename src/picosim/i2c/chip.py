"""Another chip on the bus, as sensors are: registers behind a pointer."""

from __future__ import annotations


class Chip:
    """Registers that are read and written from the pointer on; the first byte written sets it."""

    has_memory = True
    gone = False
    settled = True
    holds_scl = False
    late = False  # it keeps up with any clock

    def __init__(self, address: int, registers: bytes) -> None:
        self.address = address
        self.registers = bytearray(registers)
        self._pointer = 0
        self._begun = False
        self.holds_sda = False

    def answers(self, address: int) -> bool:
        """Whether it acknowledges an address."""
        return address == self.address

    def started(self) -> None:
        """A START, for whomever."""
        self._begun = False

    def write(self, byte: int) -> bool:
        """A byte from the controller."""
        if not self._begun:
            self._begun = True
            self._pointer = byte % len(self.registers)
        else:
            self.registers[self._pointer] = byte
            self._pointer = (self._pointer + 1) % len(self.registers)
        return True

    def read(self) -> int | None:
        """A byte for the controller."""
        byte = self.registers[self._pointer]
        self._pointer = (self._pointer + 1) % len(self.registers)
        return byte

    def read_ended(self) -> None:
        """The controller has its last byte."""

    def stopped(self) -> None:
        """A STOP that ends a transfer with it."""

    def left(self) -> None:
        """Its controller is gone in the midst of a byte of ours, at a 0."""
        self.holds_sda = True

    def clocked(self) -> bool:
        """Clocks without sense come; whether they helped."""
        held, self.holds_sda = self.holds_sda, False
        return held
