"""Packets between the two ends of a link that carry no message: gone, quiet, silent (spec 4).
Loaded when the first one comes."""

from struct import pack, unpack_from

from .packets import GONE, MAX_QUIET_MS, QUIET, SILENT
from .states import MOVING

MYPY = False
if MYPY:
    from .port import Port


def take(port: "Port", packet: bytes, first: int, now_ms: int) -> bool:
    """Takes a packet that is neither data nor of a hello; False where it makes no sense."""
    tag = unpack_from("<I", packet, 1)[0] if len(packet) >= 5 else 0
    if first == GONE and len(packet) == 5:
        attach = port.find(tag)
        # While a session moves the peer may only be ahead of us.
        if attach is not None and attach.session.state != MOVING:
            attach.session.detach("lost", "the peer started anew", now_ms)
    elif first == QUIET and len(packet) == 7:
        for attach in (port.attach, port.other):
            if attach is not None and attach.tag == tag:
                ms = min(unpack_from("<H", packet, 5)[0], MAX_QUIET_MS)
                port.quiet_until_ms = now_ms + ms if ms else 0
                if ms and len(port.queue) < 8:
                    port.queue.append(pack("<BI", SILENT, attach.peer_tag))
    elif first == SILENT and len(packet) == 5:
        if tag and tag in [a.tag for a in (port.attach, port.other) if a is not None]:
            port.on_quiet()
    else:
        return False
    return True


def ask_for_quiet(port: "Port", ms: int) -> bool:
    """Asks the peer to send nothing for `ms`; False: nobody is there to be asked."""
    attach = port.attach
    if attach is None:
        return False
    port.queue.append(pack("<BIH", QUIET, attach.peer_tag, ms))
    return True
