"""Asks a time server, by SNTP (RFC 4330), and judges what it says. Bytes in, numbers out."""

from struct import unpack

PORT = 123
COOKIE_BYTES = 8
_1970_S = 2208988800  # seconds from 1900, where NTP begins to count
_ERA_S = 1 << 32  # and begins again, in 2036
_BUILT_S = 1767225600  # 2026-01-01: nobody asked before this was written
_AGREE_MS = 2000


def request(cookie: bytes) -> bytes:
    """What is sent to a server; it repeats `cookie`, 8 random bytes, so that nobody who does not
    see the question can answer it."""
    return b"\x23" + bytes(39) + cookie  # version 4, client


def judge(packet: bytes, cookie: bytes) -> "tuple[int, str]":
    """Milliseconds since 1970 (UTC) as an answer has them, and "". Or 0, and what is wrong."""
    if len(packet) < 48:
        return 0, "%d bytes are no answer" % len(packet)
    flags, stratum = unpack("BB", packet[:2])
    if packet[24:32] != cookie:
        return 0, "it answers another question"
    if flags & 7 != 4:
        return 0, "it is no server"
    if stratum == 0:  # RFC 4330, section 8: a kiss of death
        return 0, "it refuses: %s" % "".join([chr(c) for c in packet[12:16] if 32 <= c < 127])
    if stratum > 15 or flags >> 6 == 3:
        return 0, "it does not know the time itself"
    _, _, received_s, received, sent_s, sent = unpack(">IIIIII", packet[24:48])
    if not sent_s:
        return 0, "it says no time"
    if sent_s < _1970_S:
        sent_s += _ERA_S
        received_s += _ERA_S
    unix_s = sent_s - _1970_S
    if unix_s < _BUILT_S:
        return 0, "it is in the past there"
    return unix_s * 1000 + (sent >> 22) * 1000 // 1024, ""


def agreed(answers: "list[int]") -> "int | None":
    """Of several servers' times, all for one moment: the middle one of the most that agree within
    2 s. None where there is no answer, or as many say something else."""
    best: list[int] = []
    tie = False
    times = sorted(answers)
    for first in times:
        group = [time for time in times if 0 <= time - first <= _AGREE_MS]
        if len(group) > len(best):
            best = group
            tie = False
        elif len(group) == len(best) and group[0] - best[-1] > _AGREE_MS:
            tie = True
    if not best or tie:
        return None
    return best[len(best) // 2]
