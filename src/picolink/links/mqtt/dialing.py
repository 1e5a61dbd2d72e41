"""What a client needs to connect, and when that fails. A board loads this then."""

import asyncio
import sys
from os import urandom

from ...core.errors import BadAddress, CannotConnect, LinkError, PicolinkError, Refused
from .connection import TIMES

if sys.implementation.name == "micropython":
    from .opener import open_wire
else:
    from .sockets_host import open_wire  # type: ignore[assignment]

MYPY = False
if MYPY:
    from typing import Any

    from .address import Broker
    from .client import Client
    from .connection import Connection

_VERDICTS = {
    1: "it does not speak MQTT 3.1.1: is it an old or a special broker?",
    2: "it does not take the client id %(id)r: choose another (letters and digits, up to 23)",
    3: "it says that it can't serve now: try again later",
    4: "user or password is wrong",
    5: "this user is not allowed: is a user and password needed, or another one?",
}
_BAD = {
    "scheme": "%r: a broker is mqtt://HOST/... or, with TLS, mqtts://...",
    "@": "%s: an @ behind the first / or ? of an address: in a password / is written %%2F, and ? "
    "%%3F; in a topic or an option @ is written %%40",
    "host": "%s names no broker: mqtt://HOST/..., with a user mqtt://USER:PASSWORD@HOST/...; an "
    "IPv6 address stands in brackets",
    "port": "%s: the port, behind the host's colon, is a number up to 65535",
    "node": "%s: which node on that broker? Its prefix and name follow: mqtt://HOST/lab/greenhouse",
    "%": "%sa %% in an address that is no %%XX of UTF-8: a %% itself is written %%25",
}
NO_BROKER = "is that an MQTT broker's port, with TLS for mqtts:// (mostly 8883), else without?"
_SUSPICIOUS = 3  # connections in a row that a broker ended at once


def bad_address(kind: str, what: "Any") -> PicolinkError:
    """What is wrong with an address. What stands in it may be a password, and is not shown."""
    return BadAddress(_BAD[kind] % (what,))


def wait_ms(tries: int) -> int:
    """How long to wait before the next attempt, after so many in vain: growing, and never the
    same, so that a hundred boards do not all come back to a broker at once."""
    longest = TIMES["retry"]
    while tries and longest < TIMES["retry_max"]:
        longest *= 2
        tries -= 1
    longest = min(longest, TIMES["retry_max"])
    return longest // 2 + longest * urandom(1)[0] // 512


async def opened(broker: "Broker", ca: "str | bytes | None") -> "Any":
    """A connection to `broker`; CannotConnect where the clock can't tell whom to trust."""
    security = None
    if broker.tls:
        from .tls import security_of

        security = security_of(broker, ca)
        await security.wait_for_clock()
    opening = open_wire(broker.host, broker.port, security)
    return await asyncio.wait_for(opening, TIMES["answer"] / 1000)


def no_answer(error: OSError, host: str, port: int, tls: bool) -> PicolinkError:
    """Why no connection came about; of a host without an address (port 0) too."""
    from ..memory import explained

    told: Any = explained(error, "a connection to " + host, tls)
    if told is not error:
        return told  # type: ignore[no-any-return]
    if not port:
        why = "the name %s is not known: check it, and the way to the internet (%s)"
        return CannotConnect(why % (host, error))
    why = "no broker answers at %s port %d (%s): is it running, and the address right?"
    return CannotConnect(why % (host, port, error))


def failure(error: Exception, broker: "Broker") -> PicolinkError:
    """Why an attempt failed, in words."""
    if isinstance(error, PicolinkError):
        return error
    from ..memory import explained

    told: Any = explained(error, "a connection to %s" % broker, broker.tls)
    if told is not error:
        return told  # type: ignore[no-any-return]
    if broker.tls:
        from .tls import explain

        text = explain(error, broker.host)
        if text:
            return CannotConnect(text)
    if isinstance(error, OSError):  # TimeoutError too
        why = str(error) or "no answer"
        return CannotConnect("no connection to %s: %s" % (broker, why))
    return CannotConnect("no connection to %s: %s: %s" % (broker, type(error).__name__, error))


def unanswered(client: "Client", how: str) -> PicolinkError:
    """Why there is no connection, where nothing has failed but the broker to answer."""
    return CannotConnect("%s did not answer%s: %s" % (client.brokers[0], how, client.why))


def absent(client: "Client", base: str, status: bytes, timeout_s: float) -> PicolinkError:
    """Why the node called `base` was not reached in that time; `status`: what the broker has kept
    of it."""
    if client.failed is not None:
        return client.failed
    broker = client.brokers[0]
    if not client.connects:
        why = "%s did not answer as a broker in %s s: %s" % (broker, timeout_s, NO_BROKER)
    elif status:
        why = "%s: the broker is there; the node is not, says its last status" % broker
    else:
        why = (
            "%s: the broker is there, and nobody called %s has ever been: is prefix and name "
            "right, and the same broker in its node.run(...)?" % (broker, base)
        )
    return CannotConnect(why)


def refusal(verdict: int, client: "Client") -> PicolinkError:
    """What a CONNACK's verdict means."""
    why = _VERDICTS.get(verdict, "for a reason of its own, %d" % verdict)
    if "%" in why:
        why = why % {"id": client.client_id}
    return Refused("the broker refuses us: " + why)


def stolen(client: "Client", connection: "Connection", brief: int) -> "tuple[str, int]":
    """Why a connection ended, and how many in a row were brief by now."""
    why = connection.why
    if not connection.by_peer or connection.age_ms() > TIMES["brief"]:
        return why, 0
    brief += 1
    if not connection.welcome:
        why += " before it had taken us: %s" % NO_BROKER
    elif brief >= _SUSPICIOUS:
        why += (
            " as soon as it was open, %d times in a row: does another client have the same id, %r "
            "(each throws the other out), or does the broker end again and again?"
            % (brief, client.client_id)
        )
    return why, brief


def over(client: "Client") -> None:
    """Nothing more is sent: who waits learns it."""
    publisher = client.publisher
    publisher.closed = True
    unacked = publisher.unacked
    for publish in unacked.flight + unacked.waiting:
        unacked.drop(publish)
        publish.end(LinkError("the client was closed before the broker had the message"))
    publisher.go_on()


def report(error: BaseException) -> None:
    """Prints what a handler raised."""
    if sys.implementation.name == "micropython":
        try:
            sys.print_exception(error)  # type: ignore[attr-defined]
        except Exception:  # its own text raises
            print(type(error).__name__)
    else:
        import traceback

        traceback.print_exception(error)
