"""Knocking at a computer's door: does it answer at all?"""

import asyncio
import socket

MYPY = False
if MYPY:
    from typing import Any

_core: "Any" = asyncio.core  # type: ignore[attr-defined]  # the stubs lack it
_DNS = 53
_NOBODY = (101, 103, 110, 113, 118)  # no way there; nobody answered


def _writable(sock: "Any") -> "Any":
    yield _core._io_queue.queue_write(sock)


async def _connected(sock: "Any") -> None:
    await _writable(sock)


async def knock(host: str, timeout_ms: int) -> bool:
    """Whether `host` answers a TCP connection within the time; a refusal is an answer."""
    if host == "0.0.0.0":
        return False
    sock = socket.socket()
    try:
        sock.setblocking(False)
        to = socket.getaddrinfo(host, _DNS)[0][-1]
        try:
            sock.connect(to)
        except OSError as error:
            if error.args[0] != 115:  # EINPROGRESS
                raise
        await asyncio.wait_for(_connected(sock), timeout_ms / 1000)
        # Connected or refused: a second connect tells, on a board (lwIP) with EISCONN or, whatever
        # went wrong, EALREADY. There nothing but an answer comes so soon.
        sock.connect(to)
    except asyncio.TimeoutError:
        return False
    except OSError as error:  # also that there is no memory for a connection: which tells nothing
        return error.args[0] not in _NOBODY
    finally:
        sock.close()
    return True
