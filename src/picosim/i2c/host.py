"""/dev/i2c-N of virtual buses, below the real `smbus2`: its open, its close and its ioctl calls.

Another process's buses are found by their announcement. What is no virtual bus goes to the kernel.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import importlib
import os
import re
import socket
import struct
import threading
from collections.abc import Sequence
from typing import Any

from picosim.base import announce
from picosim.i2c.controller import ANSWER, HEAD, PART, READ, STOP

I2C_SLAVE = 0x0703
I2C_SLAVE_FORCE = 0x0706
I2C_FUNCS = 0x0705
I2C_RDWR = 0x0707
I2C_SMBUS = 0x0720
#: Plain transfers and the kernel's emulation of SMBus on them, without its checksums (PEC) and
#: without blocks that tell their own length, which these adapters can't read.
FUNCTIONS = 0x0EFF0009 & ~0x01000008
MOST_MESSAGES = 42
LONGEST_MESSAGE_BYTES = 8192

Part = tuple[int, bool, bytes, int]
"""Address, whether it is a read, what is written, the size."""


class VirtualDevice:
    """One opened /dev/i2c-N: a connection to the process that keeps the bus."""

    def __init__(self, about: dict[str, Any], path: str) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._line.connect(about["socket"])
            self._line.send(b'{"kind": "host"}')
            greeting = self._line.recv(64)
        except OSError:
            self._line.close()
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        if not greeting or greeting[0]:
            self._line.close()
            number = greeting[0] if greeting else errno.ENOENT
            raise OSError(number, os.strerror(number), path)
        # Programs keep each other off by locks on the device: so its descriptor is a file's.
        self._file = open(about["socket"] + ".dev", "ab")  # noqa: SIM115
        self._is_pi = greeting[1:] == b"pi"
        self._lock = threading.Lock()  # as the kernel's adapter has one
        self._number = 0
        self._address = 0

    def fileno(self) -> int:
        """Its descriptor, which is this process's own."""
        return self._file.fileno()

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._line.close()

    def ioctl(self, request: int, argument: Any) -> int:
        """What the kernel's i2c-dev does."""
        if request == I2C_FUNCS:
            argument.value = FUNCTIONS
        elif request in (I2C_SLAVE, I2C_SLAVE_FORCE):
            if not 0 <= argument <= 0x7F:
                raise _error(errno.EINVAL)
            self._address = argument
        elif request == I2C_RDWR:
            self._rdwr(argument)
        elif request == I2C_SMBUS:
            self._smbus(argument)
        else:
            raise _error(errno.ENOTTY)
        return 0

    def _rdwr(self, wanted: Any) -> None:
        messages = [wanted.msgs[at] for at in range(wanted.nmsgs)]
        if not 1 <= len(messages) <= MOST_MESSAGES:
            raise _error(errno.EINVAL)
        if any(message.len > LONGEST_MESSAGE_BYTES for message in messages):
            raise _error(errno.EINVAL)
        parts: list[Part] = []
        for message in messages:
            read = bool(message.flags & READ)
            data = b"" if read else ctypes.string_at(message.buf, message.len)
            parts.append((message.addr, read, data, message.len))
        got = self._transfer(parts)
        for message in messages:
            if message.flags & READ:
                ctypes.memmove(message.buf, got, message.len)
                got = got[message.len :]

    def _smbus(self, wanted: Any) -> None:
        to_write, size = smbus_parts(wanted)
        address = self._address
        parts: list[Part] = []
        if to_write is not None:
            parts.append((address, False, to_write, len(to_write)))
        if size is not None:
            parts.append((address, True, b"", size))
        got = self._transfer(parts)
        if not got:
            return
        union = wanted.data.contents
        if wanted.size == 8:  # a block of plain I2C
            union.block[0] = len(got)
            union.block[1 : len(got) + 1] = list(got)
        elif len(got) == 2:
            union.word = int.from_bytes(got, "little")
        else:
            union.byte = got[0]

    def _transfer(self, parts: Sequence[Part]) -> bytes:
        if self._is_pi and any(read for _, read, _, _ in parts[:-1]):
            raise _error(errno.EOPNOTSUPP)  # i2c-bcm2835: one read, and that at the end
        with self._lock:
            self._number = self._number % 255 + 1
            asked = struct.pack(HEAD, 84, self._number, len(parts), STOP, 0, 0)
            for address, read, _, size in parts:
                asked += struct.pack(PART, address, READ if read else 0, size)
            for _, _, data, _ in parts:
                asked += data
            size = sum(size for _, read, _, size in parts if read)
            try:
                self._line.send(asked)
                answer = self._line.recv(struct.calcsize(ANSWER) + size)
            except OSError:
                answer = b""
        if len(answer) < struct.calcsize(ANSWER):
            raise _error(errno.ENODEV)  # the simulator has ended
        result = struct.unpack_from(ANSWER, answer)[2]
        if result < 0:
            raise _error(-result)
        return answer[struct.calcsize(ANSWER) :]


def smbus_parts(wanted: Any) -> tuple[bytes | None, int | None]:
    """What an SMBus call writes and how much it reads then (None: no such part), as the kernel's
    emulation does it on an adapter that knows plain I2C."""
    reads = wanted.read_write == 1
    command = bytes((wanted.command,))
    union: Any = wanted.data.contents if wanted.data else None
    if wanted.size == 0:  # quick: the address alone
        return (None, 0) if reads else (b"", None)
    if wanted.size == 1:  # a byte
        return (None, 1) if reads else (command, None)
    if wanted.size in (2, 3):  # a byte or a word of a register
        if reads:
            return command, wanted.size - 1
        return command + int(union.word).to_bytes(2, "little")[: wanted.size - 1], None
    if wanted.size == 4:  # process call
        return command + int(union.word).to_bytes(2, "little"), 2
    if wanted.size in (5, 8) and not reads:  # a block, with its length or without
        block = bytes(union.block[0 if wanted.size == 5 else 1 : union.block[0] + 1])
        return command + block, None
    if wanted.size == 8:
        return command, union.block[0]
    raise _error(errno.EOPNOTSUPP)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


_opened: dict[int, VirtualDevice] = {}


class _Os:
    """What `smbus2` uses of the module `os`."""

    O_RDWR = os.O_RDWR

    @staticmethod
    def open(path: str, flags: int) -> int:
        found = re.fullmatch(r"/dev/i2c-(\d+)", path)
        number = int(found[1]) if found else -1
        for about in reversed(announce.announced_buses()):
            if about["bus"] == number:
                device = VirtualDevice(about, path)
                _opened[device.fileno()] = device
                return device.fileno()
        return os.open(path, flags)

    @staticmethod
    def close(fd: int) -> None:
        device = _opened.pop(fd, None)
        if device:
            device.close()
        else:
            os.close(fd)


def _ioctl(fd: int, request: int, argument: Any = 0) -> Any:
    device = _opened.get(fd)
    return device.ioctl(request, argument) if device else fcntl.ioctl(fd, request, argument)


def install() -> bool:
    """Have `smbus2` open virtual buses too, in this process; False where it is not installed."""
    try:
        real: Any = importlib.import_module("smbus2.smbus2")
    except ImportError:
        return False
    real.os = _Os
    real.ioctl = _ioctl
    return True
