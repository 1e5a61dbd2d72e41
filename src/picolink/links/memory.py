"""Why a link did not open, where it is memory that lacks: how much is there, and what to do. Loaded
then, and let go."""

import gc
import sys

from ..core.errors import CannotConnect

MYPY = False
if MYPY:
    from typing import Any

_ENOMEM = (12, 105)  # ENOMEM, ENOBUFS
# Of mbedtls: SSL, X.509, PK, PEM, ECP, cipher, digest; to which is added MPI's or ASN.1's.
_TLS_HIGH = (0x7F00, 0x2880, 0x3F80, 0x1180, 0x4D80, 0x6180, 0x5180)
_TLS_LOW = (0x10, 0x6A)
_FINE_BYTES = 256  # so exactly the largest piece is found


def is_short(error: BaseException) -> bool:
    """Whether it says that there is no memory: Python's, the sockets', or TLS's."""
    if isinstance(error, MemoryError):
        return True
    code = error.args[0] if error.args else 0
    if not isinstance(error, OSError) or not isinstance(code, int):
        return False
    if code in _ENOMEM or "ALLOC" in str(error).upper():
        return True
    return code < -0x80 and (-code & 0xFF80 in _TLS_HIGH or -code & 0x7F in _TLS_LOW)


def largest_bytes(free_bytes: int) -> int:
    """The largest piece of memory that can be had."""
    low = 0
    while free_bytes - low > _FINE_BYTES:
        size = (low + free_bytes) // 2
        try:
            bytearray(size)
            low = size
        except MemoryError:
            free_bytes = size
    return low


def explained(error: "Any", address: str, tls: bool = False) -> "Any":
    """`error`, or where it is memory that lacks a CannotConnect that says so."""
    if is_short(error):
        there = ""
        if hasattr(gc, "mem_free"):
            gc.collect()
            free_bytes = gc.mem_free()
            there = ": %d bytes are free, the largest piece has %d" % (
                free_bytes,
                largest_bytes(free_bytes),
            )
            gc.collect()
        advice = "Fewer links, services and subscriptions leave more"
        if tls:
            advice += (
                ". A node keeps 36000 bytes for TLS once it has an address, nearly half of them in "
                "one piece: where they were not there any more, make reserve = bytearray(36000) "
                "in the first line of main.py, and del reserve just before node.run(...). "
                "Certificates of an elliptic curve (P-256), and few in a chain, take less"
            )
        error = CannotConnect("no memory to open %s%s. %s" % (address, there, advice))
    if sys.implementation.name == "micropython":  # it has done its work: the memory is let go
        if sys.modules.pop(__name__, None):
            delattr(sys.modules[__name__.rpartition(".")[0]], "memory")
    return error
