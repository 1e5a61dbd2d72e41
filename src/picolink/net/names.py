"""Finds the address of a name on a board with Wi-Fi, without holding anything else up: by the
network's DNS server (RFC 1035), and names that end in .local by multicast DNS (RFC 6762)."""

from os import urandom

from . import dns, udp

_MDNS = ("224.0.0.251", 5353)
_TRIES = 2  # datagrams get lost
ANSWER_MS = 1000  # for each


async def resolve(name: str) -> str:
    """The address of a name; OSError, with the reason, where nobody tells it. ValueError for what
    can be no name."""
    if not [c for c in name if not (c.isdigit() or c == ".")]:
        return name
    from network import WLAN

    if name.endswith(".local"):
        server, port = _MDNS
        whose = "nobody in the network has the name %s" % name
    else:
        server, port = WLAN(0).ifconfig()[3], dns.PORT
        whose = "the DNS server %s does not answer" % server
    ident = int.from_bytes(urandom(2), "big")
    found: list[list[str]] = []

    def heard(packet: bytes) -> bool:
        answer = dns.addresses(packet, ident)
        if answer is not None:
            found.append(answer)
        return answer is not None

    for _ in range(_TRIES):
        await udp.ask([(server, port, dns.request(name, ident))], heard, ANSWER_MS)
        if found:
            break
    else:
        raise OSError(whose)
    if not found[0]:
        raise OSError("the DNS server %s does not know it" % server)
    return found[0][0]
