"""Knocking at a computer's door: does it answer at all?"""

import asyncio
import socket

MYPY = False
if MYPY:
    from typing import Any

_core: "Any" = asyncio.core  # type: ignore[attr-defined]  # the stubs lack it
_DNS = 53
_UNDER_WAY = (115, 114)  # EINPROGRESS, EALREADY
_NOBODY = (113, 118, 101, 110, 11)  # no way there; nobody answered


def _writable(sock: "Any") -> "Any":
    yield _core._io_queue.queue_write(sock)


async def _connected(sock: "Any") -> None:
    await _writable(sock)


async def knock(host: str, timeout_ms: int) -> bool:
    """Whether `host` answers a TCP connection within the time; a refusal is an answer."""
    sock = socket.socket()
    try:
        sock.setblocking(False)
        to = socket.getaddrinfo(host, _DNS)[0][-1]
        try:
            sock.connect(to)
        except OSError as error:
            if error.args[0] not in _UNDER_WAY:
                raise
        await asyncio.wait_for(_connected(sock), timeout_ms / 1000)
        sock.connect(to)  # tells how it went
    except asyncio.TimeoutError:
        return False
    except OSError as error:
        return error.args[0] not in _NOBODY + _UNDER_WAY
    finally:
        sock.close()
    return True
