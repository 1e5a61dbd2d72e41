"""Questions by UDP, on a board: asked without holding anything else up."""

import asyncio
import socket

MYPY = False
if MYPY:
    from collections.abc import Callable, Generator
    from typing import Any

_core: "Any" = asyncio.core  # type: ignore[attr-defined]  # the stubs lack it
_LARGEST_BYTES = 600  # answers are smaller


async def ask(
    questions: "list[tuple[str, int, bytes]]", heard: "Callable[[bytes], bool]", timeout_ms: int
) -> None:
    """Sends each (address, port, data), and gives `heard` what comes until it says that this was
    all, or the time is over. OSError where there is no network."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sent = 0
        failed: OSError | None = None
        for address, port, data in questions:
            try:
                sock.sendto(data, socket.getaddrinfo(address, port)[0][-1])
                sent += 1
            except OSError as error:
                failed = error
        if failed is not None and not sent:
            raise failed
        try:
            await asyncio.wait_for(_hear(sock, heard), timeout_ms / 1000)
        except asyncio.TimeoutError:
            pass
    finally:
        sock.close()


async def _hear(sock: "Any", heard: "Callable[[bytes], bool]") -> None:
    while True:
        await _readable(sock)  # type: ignore[misc]  # on MicroPython a generator will do
        try:
            if heard(sock.recvfrom(_LARGEST_BYTES)[0]):
                return
        except OSError:
            pass  # a port that nobody listens on says so here


def _readable(sock: "Any") -> "Generator[Any, Any, None]":
    yield _core._io_queue.queue_read(sock)
