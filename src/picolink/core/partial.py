"""Putting a message together from its fragments (spec 5). Loaded when the first one comes."""

from struct import unpack_from

from .packets import MESSAGE, MESSAGE_BYTES, PART_BYTES

MYPY = False
if MYPY:
    from .inbox import Inbox
    from .session import Session


class Partial:
    """A message of which fragments are missing. Fragments may overlap and differ in size."""

    def __init__(self, total: int) -> None:
        self.body = bytearray(total)
        self.have: list[tuple[int, int]] = []  # ranges received, sorted, apart

    def add(self, start: int, piece: bytes) -> bool:
        """Puts `piece` in; True when the message is complete."""
        end = start + len(piece)
        self.body[start:end] = piece
        apart = []
        for a, b in self.have:
            if b < start or a > end:
                apart.append((a, b))
            else:
                start = min(a, start)
                end = max(b, end)
        apart.append((start, end))
        apart.sort()
        self.have = apart
        return start == 0 and end == len(self.body)


def take(session: "Session", inbox: "Inbox", ident: int, packet: bytes, at: int) -> bytes | None:
    """Takes the fragment at `at` of `packet`: the message it completes, b"" where it completes
    none, None where there is no room for it: it is to come again. Of a message larger than we
    take, the owner hears with an empty body."""
    if len(packet) - at <= PART_BYTES:
        return b""
    start, total = unpack_from("<II", packet, at)
    piece = packet[at + PART_BYTES :]
    if total > session.limit_bytes:
        kind, _, ref = unpack_from(MESSAGE, packet, at - MESSAGE_BYTES)
        inbox.deliver(ident)
        session.owner.on_message(session, kind & 0x1F, ref, b"")
        return b""
    if start + len(piece) > total:
        return b""
    partial = inbox.partial.get(ident)
    if partial is None:
        held = 0
        for lane in (session.short, session.long):
            for other in lane.partial.values():
                held += len(other.body)
        if held + total > 2 * session.limit_bytes:
            return None
        inbox.partial[ident] = partial = Partial(total)
    if total != len(partial.body) or not partial.add(start, piece):
        return b""
    del inbox.partial[ident]
    return bytes(partial.body)
