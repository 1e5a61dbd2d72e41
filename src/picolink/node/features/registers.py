"""Plain registers of a board as I2C target (`Node.register`): the first 16 bytes of its memory.

The controller reads and writes the memory while no Python runs, so a write shows as a byte that is
not what we put there, and what is to be read must lie there before.
"""

from ..invoke import guarded

MYPY = False
if MYPY:
    from typing import Any

    from ..node import Node

COUNT = 16
_NEVER_MS = 1 << 28


def declare(node: "Node", number: int, function: "Any", every_s: float, write: bool) -> "Any":
    """Notes what a register shows and does."""
    registers = getattr(node, "registers", None)
    if registers is None:
        registers = node.registers = Registers(node)
    if not 0 <= number < COUNT or number in registers.functions:
        from ...core.errors import UsageError

        raise UsageError(
            "register %r: there are 0x00 to 0x0F, one byte and one function each" % number
        )
    registers.functions[number] = (function, int(every_s * 1000), write)
    return function


class Registers:
    """Those that a program has declared."""

    def __init__(self, node: "Node") -> None:
        self.node = node
        self.functions: dict[int, tuple[Any, int, bool]] = {}

    def serve(self, memory: bytearray) -> "Served":
        """Serves them in a target's memory."""
        return Served(self, memory)


def _byte_of(function: "Any") -> "int | None":
    value = function()
    return None if value is None else int(value) & 0xFF


class Served:
    """Those of one target."""

    def __init__(self, registers: Registers, memory: bytearray) -> None:
        self._node = registers.node
        self._functions = registers.functions
        self._memory = memoryview(memory)[:COUNT]
        self._known = bytearray(COUNT)
        self._due = dict.fromkeys(registers.functions, 0)
        self._node.on_tick.append(self._tick)
        self._node.host.call_by(0)

    def pending(self) -> bool:
        """Whether the controller has written what was not looked at."""
        return self._memory != self._known

    def look(self) -> None:
        """Tells the program what the controller has written, and shows what became of it."""
        before, now = bytes(self._known), bytes(self._memory)
        self._known[:] = now  # what comes from here on shows as another byte
        for number, (function, _, write) in self._functions.items():
            if now[number] != before[number]:
                if write:
                    self._call(function, now[number])
                self._due[number] = 0
        self._node.host.call_by(0)

    def _call(self, function: "Any", *value: int) -> "Any":
        return guarded(self._node, function, *value)

    def _tick(self, now_ms: int) -> int:
        if self.pending():
            self.look()  # else it would be undone
        earliest = now_ms + _NEVER_MS
        for number, (function, every_ms, _) in self._functions.items():
            if now_ms >= self._due[number]:
                self._due[number] = now_ms + every_ms
                value = self._call(_byte_of, function)
                # What was written meanwhile is looked at first.
                if value is not None and self._memory[number] == self._known[number]:
                    self._memory[number] = self._known[number] = value
            earliest = min(earliest, self._due[number])
        return earliest

    def close(self) -> None:
        """They are served no more."""
        if self._tick in self._node.on_tick:
            self._node.on_tick.remove(self._tick)
