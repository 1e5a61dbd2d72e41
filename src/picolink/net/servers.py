"""Asking time servers, all at once. Loaded by a board for that, and let go."""

from os import urandom

from . import ntp, udp
from .clock import Clock
from .names import resolve
from .timekeeping import TIMES

MYPY = False
if MYPY:
    from collections.abc import Callable


async def from_servers(
    clock: Clock, now_ms: "Callable[[], int]", servers: "tuple[str, ...]"
) -> str:
    """Sets the clock, or returns why not."""
    waiting = {}
    questions = []
    whys = []
    for server in servers:
        name, _, port = server.partition(":")
        try:
            address = await resolve(name)
            cookie = urandom(ntp.COOKIE_BYTES)
            waiting[cookie] = server
            questions.append((address, int(port or ntp.PORT), ntp.request(cookie)))
        except (OSError, ValueError) as error:
            whys.append("%s: %s" % (server, error))
    sent_ms = now_ms()
    times: list[int] = []  # each server's for the moment sent_ms

    def heard(packet: bytes) -> bool:
        cookie = packet[24:32]
        if cookie in waiting:
            unix_ms, why = ntp.judge(packet, cookie)
            server = waiting.pop(cookie)
            if why:
                whys.append("%s: %s" % (server, why))
            else:  # it was there half of the way ago
                times.append(unix_ms - (now_ms() - sent_ms) // 2)
        return not waiting

    try:
        if questions:
            await udp.ask(questions, heard, TIMES["answer"])
    except OSError as error:
        return "no time server can be reached: %s" % error
    whys += ["%s: no answer" % server for server in waiting.values()]
    unix_ms = ntp.agreed(times)
    if unix_ms is None:
        if times:
            return "the time servers do not agree"
        return "no time server told the time: %s" % "; ".join(whys)
    clock.set(unix_ms, sent_ms, "ntp")
    return ""
