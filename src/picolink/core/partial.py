"""Putting a message together from its fragments (spec 5). Loaded when the first one comes."""

import gc
from struct import unpack_from

from .packets import MESSAGE, MESSAGE_BYTES, PART_BYTES

MYPY = False
if MYPY:
    from .inbox import Inbox
    from .session import Session

_PATIENCE = 16  # fragments for which there was no memory


class Partial:
    """A message of which fragments are missing. Fragments may overlap and differ in size."""

    def __init__(self, total: int) -> None:
        self.body = bytearray(total)
        self.have: list[tuple[int, int]] = []  # ranges received, sorted, apart

    def add(self, start: int, piece: "bytes | memoryview") -> bool:
        """Puts `piece` in; False where too many ranges would stand apart."""
        at = start
        end = start + len(piece)
        apart = []
        for a, b in self.have:
            if b < start or a > end:
                apart.append((a, b))
            else:
                start = min(a, start)
                end = max(b, end)
        if len(apart) > 90:  # no sender has so many holes; memory must not grow
            return False
        # Into a view of just that: a board moves all that stands behind the place, too.
        memoryview(self.body)[at : at + len(piece)][:] = piece
        apart.append((start, end))
        apart.sort()
        self.have = apart
        return True


def _give_up(session: "Session", inbox: "Inbox", ident: int, packet: bytes, at: int) -> None:
    """Counts a message as delivered; its body is not told."""
    kind, _, ref = unpack_from(MESSAGE, packet, at - MESSAGE_BYTES)
    inbox.refused = 0
    inbox.partial.pop(ident, None)
    inbox.deliver(ident)
    session.owner.on_message(session, kind & 0x9F, ref, b"")


def take(
    session: "Session", inbox: "Inbox", ident: int, packet: bytes, at: int
) -> "bytes | memoryview | None":  # fmt: skip
    """Takes the fragment at `at` of `packet`: the message it completes, b"" where it completes
    none, None where there is no room for it: it is to come again. Of a message larger than we
    take, the owner hears with an empty body."""
    if len(packet) - at <= PART_BYTES:
        return b""
    start, total = unpack_from("<II", packet, at)
    piece = memoryview(packet)[at + PART_BYTES :]
    if total > session.limit_bytes:
        _give_up(session, inbox, ident, packet, at)
        return b""
    if start + len(piece) > total:
        return b""
    try:
        partial = inbox.partial.get(ident)
        if partial is None:
            held = 0
            for lane in (session.short, session.long):
                for other in lane.partial.values():
                    held += len(other.body)
            if held + total > 2 * session.limit_bytes:
                return None
            inbox.partial[ident] = partial = Partial(total)
        if total != len(partial.body):
            return b""
        if not partial.add(start, piece):
            return None
        if partial.have[0] != (0, total):
            return b""
    except MemoryError:
        gc.collect()
        inbox.refused += 1
        if inbox.refused < _PATIENCE:
            return None
        # There is none for it: else it would come again for ever, and hold up all behind it.
        _give_up(session, inbox, ident, packet, at)
        return b""
    inbox.refused = 0
    del inbox.partial[ident]
    return memoryview(partial.body)  # as `bytes` it would need as much memory once more
