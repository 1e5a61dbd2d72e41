"""Gives a board's modules short names for what nobody outside picolink names. Host only.

Each new name costs a board its letters in flash, and in memory these and a dozen bytes more. So
private names get ones that every firmware has in its read-only memory already, for its own
modules; where these run out, one or two letters. The map is one for all modules of all groups,
whatever is packed, so that what was packed at different times fits together. A name is left alone
where it could be anybody else's: users' (`Node`, its methods, what they pass by name),
MicroPython's, or one that stands in a string (`hasattr(link, "reopen")`).
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import io
import itertools
import keyword
import os
import select
import socket
import string
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from .apart import marked
from .slimming import strip

#: Names that MicroPython has, CPython has not, and picolink defines or might.
_OF_MICROPYTHON = """
    callback const core cur_task deinit dupterm dupterm_notify init ioctl irq kbd_intr mem_alloc
    mem_free mode off on period push readinto schedule sleep_ms ticks ticks_add ticks_diff ticks_ms
    ticks_us toggle trigger unique_id value active config connect country disconnect hostname
    ifconfig scan status key mem sda scl freq timeout
"""

#: Names in every firmware's read-only memory that stand for nothing at global level. The first
#: lines also have a number in the .mpy format, so that they cost no letters there.
_IN_EVERY_FIRMWARE = """
    append bytecode clear copy count endswith extend find from_bytes index insert isalpha isdigit
    islower isspace isupper items join key keys little lower lstrip pop popitem readline remove
    replace reverse rfind rindex rsplit rstrip sep setdefault sort startswith strip throw to_bytes
    update upper value values read write readinto main start stop step end get split close args
    pi exp log sin cos tan pow seed sqrt ceil acos asin atan cosh sinh tanh fabs fmod modf log2
    EIO PTR VOID INT8 fill blit hline vline deque floor trunc frexp ldexp isnan isinf acosh asinh
    atanh atan2 expm1 log10 gamma lgamma EPERM INT16 INT32 INT64 UINT8 ARRAY ENOENT EBADF EAGAIN
    ENOMEM EACCES EEXIST ENODEV EISDIR EINVAL UINT16 UINT32 UINT64 NATIVE degrees radians isfinite
    copysign uniform choice randint randrange getrandbits calcsize sizeof addressof bytes_at
    bytearray_at hexlify unhexlify a2b_base64 b2a_base64 scroll pixel ellipse fill_rect ENOBUFS
    ENOTCONN ETIMEDOUT EALREADY ECONNRESET EADDRINUSE EHOSTUNREACH EINPROGRESS EOPNOTSUPP
    ECONNABORTED ECONNREFUSED FLOAT32 FLOAT64 BFINT8 BFUINT8 BFINT16 BFINT32 BFUINT16 BFUINT32
    BF_POS BF_LEN LITTLE_ENDIAN BIG_ENDIAN MONO_VLSB MONO_HLSB MONO_HMSB RGB565 GS2_HMSB GS4_HMSB
    GS8 ilistdir listdir statvfs umount mount rename rmdir mkdir chdir getcwd
"""

#: Classes whose methods, arguments and plain attributes are what users write or read.
_PUBLIC_CLASSES = {"Node", "Peer", "Subscription", "Client", "Publish", "Mqtt", "Wifi"}
_PUBLIC_ATTRIBUTES = {
    "name", "uid", "kind", "traceback", "outcome",
    "connects", "oversize", "why", "on_up", "on_down", "on_fail", "client_id", "granted",
    "over", "failure", "on_over", "joined", "ssid",
}  # fmt: skip
_PUBLIC_MODULES = {"picolink", "picolink.core.errors"}


def choose(sources: Mapping[str, str], always: Iterable[str]) -> dict[str, str]:
    """Name -> the short one, for all modules of a board: dotted name -> source.

    `always`: the modules that every board loads; their names come first.
    """
    trees = {name: strip(ast.parse(source, name)) for name, source in sources.items()}
    defined: set[str] = set()
    written: set[str] = set()
    stored: Counter[str] = Counter()  # in how many places a .mpy has it: not where it is local
    keep = _foreign()
    for name, tree in trees.items():
        public = name.removesuffix(".__init__") in _PUBLIC_MODULES
        for node in ast.walk(tree):
            written.update(_names(node))
            weight = 1000 if name in always else 1
            stored.update(dict.fromkeys(_stored(node), weight))
            defined.update(_defined(node))
            keep.update(_not_ours(node))
            keep.update(_modules(node, sources))
            if isinstance(node, ast.ClassDef) and (public or node.name in _PUBLIC_CLASSES):
                keep.update(_api(node))
    keep |= _PUBLIC_ATTRIBUTES
    texts = {text for tree in trees.values() for node in ast.walk(tree) for text in _texts(node)}
    free = [
        short for short in _IN_EVERY_FIRMWARE.split() if not (short in written or short in texts)
    ]
    few = (short for short in _shortest() if short not in written | keep | set(free))
    fresh = itertools.chain(free, few)
    private = [n for n in defined - keep if stored[n] and len(n) > 2 and not n.startswith("__")]
    # Taken out of its class a method gets a name that no firmware has: the shortest serves it best.
    apart = {name for tree in trees.values() for name in marked(tree)}
    names = {name: next(few) for name in sorted(apart & set(private))}
    names.update(
        (n, next(fresh)) for n in sorted(set(private) - apart, key=lambda n: (-stored[n], n))
    )
    return names


def shorten(source: str, names: Mapping[str, str]) -> str:
    """`source` with the names of `names` replaced."""
    return ast.unparse(_Shortener(names).visit(ast.parse(source))) + "\n"


def _foreign() -> set[str]:
    """The names that interpreters have."""
    found = {*dir(builtins), *keyword.kwlist, *keyword.softkwlist, *_OF_MICROPYTHON.split()}
    modules: list[ModuleType] = [asyncio, builtins, io, os, select, socket, struct, sys, time]
    for module in modules:
        for name in dir(module):
            found.add(name)
            value = getattr(module, name)
            if isinstance(value, type):
                found.update(dir(value))
    found.update(dir(select.poll()))
    return found


def _names(node: ast.AST) -> Iterable[str]:
    """The identifiers that stand in one node of a tree."""
    for field in ("id", "attr", "arg", "name", "asname"):
        value = getattr(node, field, None)
        if isinstance(value, str):
            yield value
    if isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names


def _stored(node: ast.AST) -> Iterable[str]:
    """The names of a node that a .mpy holds: attributes, arguments, what is defined or global."""
    if isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.keyword | ast.arg):
        yield node.arg or ""
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Module):
        for statement in node.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                if not isinstance(statement.value, ast.Constant):  # those are put in
                    yield statement.targets[0].id


def _defined(node: ast.AST) -> Iterable[str]:
    """What a node makes of ours: functions, classes, arguments, variables and attributes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr


def _texts(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _not_ours(node: ast.AST) -> Iterable[str]:
    """What a node shows to belong to others: imported from them, or named in a string."""
    yield from _texts(node)
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from alias.name.split(".")
    elif isinstance(node, ast.ImportFrom):
        if not node.level and (node.module or "").split(".")[0] != "picolink":
            yield from (alias.name for alias in node.names)


def _modules(node: ast.AST, sources: Iterable[str]) -> Iterable[str]:
    """Modules that are imported from their packages: files, which keep their names."""
    if isinstance(node, ast.ImportFrom):
        package = f".{node.module}." if node.module else "."
        for alias in node.names:
            if any(name.endswith(package + alias.name) for name in sources):
                yield alias.name


def _api(node: ast.ClassDef) -> Iterable[str]:
    """What users write of a public class: its name, its methods and what these take."""
    yield node.name
    for method in node.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            public = method.name == "__init__" or method.name[0] != "_"
            taken = method.args.posonlyargs + method.args.args + method.args.kwonlyargs
            if public:
                yield method.name
                yield from (argument.arg for argument in taken)


def _shortest() -> Iterator[str]:
    """a, b, ..., Z, a0, a1, ..."""
    for tail in itertools.chain([""], string.ascii_letters, string.digits):
        for letter in string.ascii_letters:
            yield letter + tail


class _Shortener(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, ast.alias):
            for field in ("id", "attr", "arg", "name"):
                value = getattr(node, field, None)
                if isinstance(value, str):
                    # Class__method: a method that was taken out of its class.
                    owner, mark, method = value[1:].partition("__")
                    parts = [value[0] + owner, method] if mark else [value]
                    short = "__".join(self.names.get(part, part) for part in parts)
                    setattr(node, field, short)
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self.names.get(name, name) for name in node.names]
        return super().generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        ours = node.level or (node.module or "").split(".")[0] == "picolink"
        for alias in node.names:
            alias.asname = self.names.get(alias.asname or "", alias.asname)
            if ours and alias.name in self.names:
                alias.name = self.names[alias.name]
        return node
