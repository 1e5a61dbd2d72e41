"""Memory that a board keeps free for TLS.

mbedtls, as MicroPython 1.28 has it, needs a piece of 17.9 kB for what comes and one of 4.4 kB for
what goes, as long as a connection stands, and many small ones, most of them for the handshake.
After a while what is free is in small pieces: so the room is taken from the start, given up just
before, and taken again at once when a connection has ended.
"""

import gc
import io

MYPY = False
if MYPY:
    from typing import Any

# The sizes to try for each piece. A connection takes its two large ones from where they were kept,
# and what it leaves of them is taken by something else: so what is kept next is just what it takes.
# Few tries: what each leaves behind might lie in the way of the next.
_PIECES = ((18_400, 17_904), (4_800, 4_448), (13_000, 8_000, 4_000))


class _Room:
    pieces: "list[Any]" = []  # BytesIO: `close` frees them at once, whatever may refer to them
    given = 0  # to how many connections


def keep() -> None:
    """Takes the room, as far as it is there, and is not taken or in use."""
    if _Room.pieces or _Room.given:
        return
    gc.collect()
    collects = gc.isenabled()
    gc.disable()  # it would be in vain, at each try
    try:
        for sizes in _PIECES:
            _keep_one(sizes)
    finally:
        if collects:
            gc.enable()


def _keep_one(sizes: "tuple[int, ...]") -> None:
    for size in sizes:
        try:
            _Room.pieces.append(io.BytesIO(size))  # type: ignore[arg-type]  # its buffer's size
            return
        except MemoryError:  # in pieces already: what fails for that says so
            pass


def give() -> None:
    """Gives up the room for a handshake."""
    _Room.given += 1
    if _Room.pieces:
        _Room.pieces.pop().close()
    gc.collect()


def give_rest() -> None:
    """Gives up the rest, just before what it is for is taken: else something small would take of
    it, and stay."""
    for piece in _Room.pieces:
        piece.close()
    _Room.pieces = []


def ended() -> None:
    """The connection is over, or came to nothing."""
    _Room.given -= 1
    give_rest()
    keep()
