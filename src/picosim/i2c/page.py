"""One I2C block of a board, as its interpreter and the bus share it: a socket and a page of memory.

The page's layout is that of `board/_sim_i2c_block.py`.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from typing import NamedTuple

MASK = 0x3FFFFFFF
FIFO_BYTES = 16
_RECEIVED_AT = 16
_SETTINGS = "<14I"
_SETTINGS_AT = 64
_SEND_AT = 128


class Settings(NamedTuple):
    """What the program has set; `on` counts its targets, 0 is none."""

    on: int
    address: int
    address_bits: int
    memory_low: int
    memory_high: int
    memory_bytes: int
    pointer_bytes: int
    pins: int
    trigger: int
    busy: int
    received: int
    sent: int
    controller: int
    handled: int

    @property
    def memory(self) -> int:
        """Where the target's memory begins in its process; 0: it has none."""
        return self.memory_low | self.memory_high << 32

    @property
    def target_pins(self) -> tuple[int, int]:
        """SDA and SCL of the target."""
        return self.pins & 0xFF, self.pins >> 8 & 0xFF

    @property
    def controller_pins(self) -> tuple[int, int]:
        """SDA and SCL of the controller."""
        return self.controller & 0xFF, self.controller >> 8 & 0xFF


class I2cFiles:
    """The descriptors of one block for one run of the interpreter."""

    def __init__(self) -> None:
        self.line, self._board_line = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.page = os.memfd_create("i2c")
        os.ftruncate(self.page, mmap.PAGESIZE)

    def of_board(self) -> tuple[int, int]:
        """What the interpreter gets."""
        return self._board_line.fileno(), self.page

    def close_board(self) -> None:
        """The interpreter has its own copy."""
        self._board_line.close()

    def of_wires(self) -> tuple[int, int]:
        """What the bus gets."""
        return self.line.fileno(), self.page

    def close(self) -> None:
        """All is over."""
        self.line.close()
        os.close(self.page)


class Page:
    """The page, from the bus's side."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, mmap.PAGESIZE)
        self._told = memory_of(self._memory)

    def settings(self) -> Settings:
        """What the program has set."""
        return Settings(*struct.unpack_from(_SETTINGS, self._memory, _SETTINGS_AT))

    def tell_address(self, address: int) -> None:
        """What `I2CTarget.memaddr` gives."""
        self._told[0] = address

    @property
    def received(self) -> int:
        """How many bytes went into the receive FIFO, modulo 2**30."""
        return self._told[1]

    def receive(self, byte: int) -> None:
        """One byte into the receive FIFO, which must have room."""
        count = self._told[1]
        self._memory[_RECEIVED_AT + count % FIFO_BYTES] = byte
        self._told[1] = (count + 1) & MASK

    @property
    def taken(self) -> int:
        """How many bytes were taken out of the send FIFO, modulo 2**30."""
        return self._told[2]

    def take(self) -> int:
        """One byte out of the send FIFO, which must not be empty."""
        count = self._told[2]
        byte = self._memory[_SEND_AT + count % FIFO_BYTES]
        self._told[2] = (count + 1) & MASK
        return byte

    def flush(self, sent: int) -> None:
        """Empty the send FIFO."""
        self._told[2] = sent

    def close(self) -> None:
        """The interpreter's run is over."""
        self._told.release()
        self._memory.close()


def memory_of(page: mmap.mmap) -> memoryview:
    """The counters of the bus: each is stored at once, for the program reads between them."""
    return memoryview(page)[:12].cast("I")
