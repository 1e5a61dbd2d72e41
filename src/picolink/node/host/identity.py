"""Who a host is, where the program does not say (CPython only)."""

from __future__ import annotations

import getpass
import os
import socket
from binascii import crc32


def host_name() -> str:
    """This computer's name, as a node's name."""
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname())
    return name.strip("-")[:30] or "host"


def host_uid() -> bytes:
    """Twelve bytes: "host", four of the computer and its user, four of this program. Boards may
    let the dormant session of an earlier program of the same user go for a new one."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    machine = crc32(f"{socket.gethostname()} {user}".encode())
    return b"host" + machine.to_bytes(4, "little") + os.urandom(4)
