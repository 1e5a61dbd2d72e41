"""Memory that a board keeps free for TLS.

TLS needs a piece of 17 kB and many small ones, 26 kB in all (mbedtls, as MicroPython 1.28 has it).
After a while what is free is in small pieces: so the room is taken from the start, given up just
before a handshake, and taken again when a connection has ended.
"""

import gc

_BYTES = 36_000


class _Room:
    kept: bytearray | None = None
    given = 0  # to how many connections


def keep() -> None:
    """Takes the room, if it is there, and is not taken or in use."""
    if _Room.kept is None and not _Room.given:
        gc.collect()
        try:
            _Room.kept = bytearray(_BYTES)
        except MemoryError:
            pass  # in pieces already: what fails for that says so


def give() -> None:
    """Gives it up, for a connection."""
    _Room.given += 1
    _Room.kept = None
    gc.collect()


def ended() -> None:
    """The connection is over, or came to nothing."""
    _Room.given -= 1
    keep()
