"""Line numbers of a board's modules: those of the sources, so far as they cost no memory.

Host only. MicroPython keeps with each function which bytes of its code are of which line. For all
lines that is a tenth of the code, in a board's memory. But the heap gives a function whole blocks
of 16 bytes, and the last one is rarely full: what fits in there is kept. So an entry may stand for
some lines; it bears the number of the first one.

Modules are joined (see `bundling`), and a .mpy tells one file name. A traceback shows the line of
the source and, where several are joined, the folder they lie in ("picolink/*.py"). Line and
function tell which file it is: see `tracebacks`.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from typing import TypeVar

LINES = ("spare", "all", "none")
BLOCK_BYTES = 16  # of the heap of an RP2040 or RP2350

Origin = tuple[str, int]  # module, line
Entry = tuple[int, int]  # from this byte of the code on, the line


def parse(source: str, name: str) -> ast.Module:
    """The tree of a module, in which each statement knows where it comes from."""
    tree = ast.parse(source, name)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            node.origin = (name, node.lineno)  # type: ignore[union-attr]
    return tree


Statement = TypeVar("Statement", bound=ast.stmt)


def instead(new: Statement, old: ast.stmt) -> Statement:
    """The statement that takes the place of an old one: it comes from where that came from."""
    if hasattr(old, "origin"):
        new.origin = old.origin  # type: ignore[attr-defined]
    return ast.copy_location(new, old)


def printed(tree: ast.Module) -> tuple[str, list[Origin]]:
    """The source of a tree, and where each of its lines comes from."""
    source = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    origins: list[Origin] = [("", 0)] * (source.count("\n") + 1)
    _trace(tree, ast.parse(source), ("", 0), origins)
    return source, origins


def _trace(old: ast.AST, new: ast.AST, origin: Origin, origins: list[Origin]) -> None:
    """Notes for each statement in `new`, the parsed text of `old`, where it comes from."""
    for field in ("body", "handlers", "orelse", "finalbody"):
        if isinstance(was := getattr(old, field, None), list):
            for before, after in zip(was, getattr(new, field), strict=True):
                origin = getattr(before, "origin", origin)
                decorators = getattr(after, "decorator_list", [])
                first = min([after.lineno, *(one.lineno for one in decorators)])
                for line in range(first, after.end_lineno + 1):
                    origins[line - 1] = origin
                _trace(before, after, origin, origins)


def origins_of(name: str, source: str) -> list[Origin]:
    """Where the lines of a module come from that is left as it is."""
    return [(name, line) for line in range(1, source.count("\n") + 2)]


def shown_file(name: str, origins: Sequence[Origin]) -> str:
    """The name of the source in tracebacks: "picolink/node/client/peer.py", or "picolink/*.py"
    where several are joined."""
    modules = sorted({module for module, _ in origins if module}) or [name]
    if len(modules) == 1:
        return modules[0].replace(".", "/") + ".py"
    return os.path.commonpath([module.replace(".", "/") for module in modules]) + "/*.py"


def relabel(mpy: bytes, origins: Sequence[Origin], *, spare: bool) -> bytes:
    """A .mpy with the lines of the sources: all of them, or (`spare`) what costs no memory."""
    start = _after_tables(mpy)
    return mpy[:start] + _Relabel(mpy, start, origins, spare).code()


def _after_tables(mpy: bytes) -> int:
    """Where the code begins, after header, names and constants."""
    at = 4
    names, at = _number(mpy, at)
    constants, at = _number(mpy, at)
    for _ in range(names):
        length, at = _number(mpy, at)
        at += 0 if length & 1 else (length >> 1) + 1
    for _ in range(constants):
        at = _after_constant(mpy, at)
    return at


def _after_constant(mpy: bytes, at: int) -> int:
    kind = mpy[at]
    at += 1
    if kind <= 4:  # None, False, True, ...
        return at
    length, at = _number(mpy, at)
    if kind == 10:  # a tuple
        for _ in range(length):
            at = _after_constant(mpy, at)
        return at
    return at + length + (kind in (5, 6))  # texts end in a zero


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def _as_number(value: int) -> bytes:
    data = [value & 0x7F]
    while value := value >> 7:
        data.insert(0, value & 0x7F | 0x80)
    return bytes(data)


class _Relabel:
    def __init__(self, mpy: bytes, at: int, origins: Sequence[Origin], spare: bool) -> None:
        self.mpy, self.at, self.origins, self.spare = mpy, at, origins, spare
        self.joined = len({module for module, _ in origins if module}) > 1

    def code(self, outermost: bool = True) -> bytes:
        """The next function, with those in it."""
        head, self.at = _number(self.mpy, self.at)
        assert head & 3 == 0, "native code"
        function = Function(self.mpy[self.at : self.at + (head >> 3)])
        self.at += head >> 3
        entries = [] if outermost and self.joined else self.entries(function.lines())
        if self.spare:
            entries = function.fitting(entries)
        data = function.with_lines(entries)
        result = _as_number(len(data) << 3 | head & 7) + data
        if head & 4:
            count, self.at = _number(self.mpy, self.at)
            result += _as_number(count) + b"".join(self.code(False) for _ in range(count))
        return result

    def entries(self, entries: list[Entry]) -> list[Entry]:
        """The entries with the lines of the source, of which only those that go up can be told."""
        found: list[Entry] = []
        for offset, line in dict(entries).items():
            line = self.origins[line - 1][1]
            if line > (found[-1][1] if found else 0):
                found.append((offset, line))
        return found


class Function:
    """The code of one function as it stands in a .mpy: what goes ahead of it, and the rest."""

    def __init__(self, data: bytes) -> None:
        at = 0
        positional = keyword = bit = 0
        while True:
            byte = data[at]
            if at == 0:
                positional = byte & 3
            else:
                positional |= (byte & 4) << bit
                keyword |= (byte >> 3 & 1) << bit
                bit += 1
            at += 1
            if not byte & 0x80:
                break
        self.signature = data[:at]
        self.info_bytes = self.cells = bit = 0
        while True:
            byte = data[at]
            self.cells |= (byte & 1) << bit
            self.info_bytes |= (byte >> 1 & 0x3F) << 6 * bit
            bit += 1
            at += 1
            if not byte & 0x80:
                break
        end = at + self.info_bytes
        start = at
        for _ in range(1 + positional + keyword):  # its own name, and its arguments'
            _, at = _number(data, at)
        self.names = data[start:at]
        self.line_table = data[at:end]
        self.rest = data[end:]

    def lines(self) -> list[Entry]:
        """Its entries."""
        return list(_decoded(self.line_table))

    def with_lines(self, entries: Sequence[Entry]) -> bytes:
        """Its bytes, with these entries instead."""
        info = self.names + _encoded(entries)
        sizes = bytearray()
        length, cells = len(info), self.cells
        while True:
            byte = cells & 1 | (length & 0x3F) << 1
            length, cells = length >> 6, cells >> 1
            sizes.append(byte | (0x80 if length or cells else 0))
            if not (length or cells):
                return bytes(self.signature + sizes + info + self.rest)

    def fitting(self, entries: list[Entry]) -> list[Entry]:
        """Those of the entries that take no block of the heap more.

        Where there is room for none a block more is taken, but not for one or two lines: their
        function's name says where they are.
        """
        room = _blocks(self.with_lines([]))
        if entries and _blocks(self.with_lines(entries[:1])) > room:
            if len(entries) <= 2:
                return []
            room += 1
        while entries and _blocks(self.with_lines(entries)) > room:
            # The one without which the fewest lines lie between two entries.
            def gap(n: int, entries: list[Entry] = entries) -> int:
                after = entries[n + 1][1] if n + 1 < len(entries) else entries[n][1] + 1
                return after - entries[n - 1][1]

            entries = entries[:]
            del entries[min(range(1, len(entries)), key=gap)]
        return entries


def _blocks(data: bytes) -> int:
    return -(-len(data) // BLOCK_BYTES)


def _decoded(table: bytes) -> Iterator[Entry]:
    at, offset, line = 0, 0, 1
    while at < len(table):
        byte = table[at]
        if byte & 0x80:
            offset += byte & 0xF
            line += (byte << 4 & 0x700) | table[at + 1]
            at += 2
        else:
            offset += byte & 0x1F
            line += byte >> 5
            at += 1
        yield offset, line


def _encoded(entries: Sequence[Entry]) -> bytes:
    data = bytearray()
    at, line = 0, 1
    for offset, number in entries:
        skip, lines = offset - at, number - line
        while skip or lines:
            if lines <= 6 or skip > 0xF:
                step = min(skip, 0x1F)
                more = min(lines, 3) if step == skip else 0
                data.append(step | more << 5)
            else:
                step, more = min(skip, 0xF), min(lines, 0x7FF)
                data += bytes((0x80 | more >> 4 & 0x70 | step, more & 0xFF))
            skip -= step
            lines -= more
        at, line = offset, number
    return bytes(data)
