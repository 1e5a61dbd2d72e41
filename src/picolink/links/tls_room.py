"""Memory of a board that uses a broker: collected early, and for `mqtts:` room is kept for TLS.

mbedtls, as MicroPython 1.28 has it, needs a piece of 16.7 kB for what comes and one of 4.4 kB for
what goes, as long as a connection stands, and many small ones, most of them for the handshake.
After a while what is free is in small pieces: so the room is taken from the start, given up just
before, and taken again at once when a connection has ended.

MicroPython allocates at the lowest address that fits. So the room for the two buffers is kept at
the highest, and while TLS allocates its own all other places of that size are filled. In the
moments in between, small objects then land lower; where all of that is full, in the room kept for
the handshake, which is at the lowest addresses that there were.
"""

import gc
import io

MYPY = False
if MYPY:
    from typing import Any

_BUFFERS_BYTES = 16_736, 4_448  # in blocks of 16: 16,384 and 4,096, and what mbedtls adds
_SMALL_BYTES = 1_000  # of which TLS makes its first object
_HANDSHAKE_BYTES = 13_000, 8_000, 4_000  # what is tried
# So that what stays is not strewn over all of the memory, as where it is collected only once it is
# full (MicroPython's documentation, "MicroPython on microcontrollers", "Controlling garbage
# collection"): on a Pico W with a broker 82 kB were free and not 4 in one piece. It costs: with
# nothing but USB, 1 ms a call.
_COLLECT_BYTES = 40_000


class _Room:
    buffers: "list[Any]" = []  # BytesIO: `close` frees them at once, whatever may refer to them
    handshake: "list[Any]" = []


def keep(address: str) -> None:
    """Before a broker's address is used: has memory collected early, and for `mqtts:` takes the
    room, as far as it is there, for the next connection."""
    gc.collect()
    memory: Any = gc  # CPython's has no `threshold`
    if memory.threshold() < 0:  # the program has said nothing else
        memory.threshold(_COLLECT_BYTES)
    if address[:5] == "mqtts":
        _keep()


def wrap(context: "Any", sock: "Any", host: str) -> "Any":
    """A connection over TLS, for which the room is given up."""
    gc.collect()
    elsewhere = _take(_BUFFERS_BYTES[0])
    _close(_Room.buffers + _Room.handshake)
    _Room.buffers = _Room.handshake = []
    try:
        try:
            return context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        finally:
            _close(elsewhere)
    except BaseException:
        _keep()
        raise


def close(connection: "Any") -> None:
    """Ends such a connection, and takes the room again."""
    gc.collect()  # else all below it may be full, and what is small goes into what it leaves
    connection.close()
    _keep()


def _keep() -> None:
    if _Room.buffers:
        return
    for size in _BUFFERS_BYTES:
        places = _take(size)
        _Room.buffers = _Room.buffers + places[-1:]
        _close(places[:-1])
    small = _take(_SMALL_BYTES, 1)
    for size in _HANDSHAKE_BYTES:
        rest = _take(size, 1)
        if rest:
            break
    _Room.handshake = small + rest


def _take(size: int, most: int = 99) -> "list[Any]":
    """Allocates up to `most` pieces of `size` bytes, the lowest address first; fewer where memory
    runs out."""
    taken: list[Any] = []
    collects = gc.isenabled()
    gc.disable()  # it would be in vain
    try:
        while len(taken) < most:
            taken.append(io.BytesIO(size))  # type: ignore[arg-type]  # its buffer's size
    except MemoryError:  # in pieces already: what fails for that says so
        pass
    finally:
        if collects:
            gc.enable()
    return taken


def _close(pieces: "list[Any]") -> None:
    for piece in pieces:
        piece.close()
