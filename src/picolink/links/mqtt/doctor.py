"""Examines the way to a node on a broker: the name, the port, TLS, the user, the topics, and
whether the node is there. Host only."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from ...core.errors import PicolinkError
from ..host.diagnosis import NODE, Step, bad, good, sentence
from ..tcp.doctor import CONNECT_S, reach
from . import packets
from .address import Broker, node_of

_ANSWER_S = 3.0
_GLANCE_S = 1.2  # two clients of one id come and go every half second
_WATCH_S = 3.0  # a node that comes and goes
# What OpenSSL found wrong with a certificate (X509_V_ERR_...)
_OUT_OF_DATE = (9, 10)  # not yet valid, expired
_OTHER_NAME = (62, 64)  # hostname, IP address
_VERDICTS = {
    1: ("other protocol version", "The broker does not speak MQTT 3.1.1."),
    2: ("client id refused", "The broker takes no client id that a client makes up."),
    3: ("broker not ready", "The broker says that it can't serve now."),
    4: ("user refused", "User or password is wrong, says the broker."),
    5: ("user refused", "The broker does not allow this user in, or wants a user and password."),
}


def around() -> list[str]:
    """Nothing: which brokers there are is not known without being told."""
    return []


def examine_at(address: str) -> Iterator[Step]:
    """Looks at each step on the way, until one fails."""
    broker = Broker(address)
    base = node_of(broker)
    host, port = broker.host, broker.port
    sock = yield from reach(
        host, port, "there is no way to the internet",
        "Compare it with what the broker's provider shows; open any web page to see whether "
        "this computer is online.",
        _no_way,
    )  # fmt: skip
    if sock is None:
        return
    yield good(f"somebody listens at {host} port {port}")
    try:
        if broker.tls:
            step, sock = _tls(sock, broker)
            yield step
            if not step.ok:
                return
        yield from _Examination(sock, broker, base).steps()
    finally:
        sock.close()


def _no_way(host: str, port: int, error: OSError) -> Step:
    """Why the connection did not come about."""
    return bad(
        f"somebody listens at {host} port {port}", "port closed",
        f"Nobody answers there ({error.strerror or error}): the broker is not running, listens "
        "on another port or to its own computer only, or a firewall is between.",
        "MQTT is on 1883 without TLS and 8883 with it. mosquitto listens to its own computer "
        "only unless its configuration has a line such as `listener 1883`.",
    )  # fmt: skip


def _tls(sock: socket.socket, broker: Broker) -> tuple[Step, socket.socket]:
    """TLS, with the certificate looked at; and the socket to go on with."""
    from .sockets_host import context_for
    from .tls import security_of

    what = f"the certificate of {broker.host} is trusted"
    try:
        security = security_of(broker)
        context = context_for(security)
        wrapped = context.wrap_socket(sock, server_hostname=broker.host)
    except ssl.SSLCertVerificationError as error:
        return _not_trusted(what, broker, error), sock
    except PicolinkError as error:
        return bad("the CA's certificate can be read", "CA unreadable", sentence(str(error)),
                   "?ca= names a file in PEM or DER."), sock  # fmt: skip
    except OSError as error:
        return bad(
            "TLS is spoken there", "no TLS",
            f"The handshake fails ({' '.join(str(error).split())}): that port is for MQTT without "
            "TLS, or for something else.",
            "Use mqtt:// there, or the port for TLS, mostly 8883.",
        ), sock  # fmt: skip
    if not security.verify:
        return good("TLS, with whoever answers: ?verify=no", why="nobody was verified"), wrapped
    told: dict[str, Any] = wrapped.getpeercert() or {}
    return good(f"{what}, {_whose(told)}"), wrapped


def _not_trusted(what: str, broker: Broker, error: ssl.SSLCertVerificationError) -> Step:
    whose = _whose(_shown(broker))
    if error.verify_code in _OUT_OF_DATE:
        return bad(
            what, "certificate expired",
            f"The certificate ({whose}) is not valid today, {time.strftime('%Y-%m-%d')}.",
            "If the date is right, whoever runs the broker must renew it.",
        )  # fmt: skip
    if error.verify_code in _OTHER_NAME:
        return bad(
            what, "other name",
            f"The certificate ({whose}) is for another name than {broker.host}.",
            "Use the name that the broker's provider shows, not an IP.",
        )  # fmt: skip
    ca = broker.options.get("ca")
    return bad(
        what, "certificate not trusted",
        f"The certificate ({whose}) does not come from "
        + (f"the CA in {ca}" if ca else "a CA that this computer knows")
        + f": {error.verify_message}.",
        "Give the root's certificate of the CA that issued it: ?ca=FILE. For a broker of one's own "
        "that is the file that `cafile` or its certificate's maker names.",
    )  # fmt: skip


def _shown(broker: Broker) -> dict[str, Any]:
    """The certificate that the broker shows, trusted or not."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((broker.host, broker.port), timeout=CONNECT_S) as sock,
            context.wrap_socket(sock, server_hostname=broker.host) as wrapped,
            tempfile.NamedTemporaryFile("w", suffix=".pem") as file,
        ):
            file.write(ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(True) or b""))
            file.flush()
            # What `getpeercert` itself decodes with, which only does so for trusted ones.
            decode = getattr(ssl, "_ssl")._test_decode_cert  # noqa: B009
            told: dict[str, Any] = decode(file.name)
            return told
    except (OSError, AttributeError, ValueError):
        return {}


def _whose(told: dict[str, Any]) -> str:
    """For whom a certificate is, by whom, until when."""
    parts = []
    for key, word in (("subject", "of"), ("issuer", "by")):
        names = dict(pair for part in told.get(key, ()) for pair in part)
        name = names.get("commonName") or names.get("organizationName")
        if name:
            parts.append(f"{word} {name}")
    if "notAfter" in told:
        ends = time.gmtime(ssl.cert_time_to_seconds(told["notAfter"]))
        parts.append(f"until {time.strftime('%Y-%m-%d', ends)}")
    return ", ".join(parts) or "unreadable"


class _Examination:
    """Speaks MQTT on an open connection, and waits for each answer."""

    def __init__(self, sock: socket.socket, broker: Broker, base: str) -> None:
        self._sock = sock
        self._broker = broker
        self._base = base
        self._decoder = packets.Decoder(65536)
        self._came: list[tuple[int, Any]] = []
        self._topic = f"{base}/_s/{os.urandom(5).hex()}/out"
        self._statuses: list[tuple[bytes, bool]] = []
        self._came_back = False
        self._closed = False

    def steps(self) -> Iterator[Step]:
        """The user, the topics, the node."""
        for step in (self._user, self._topics, self._node):
            result = step()
            yield result
            if not result.ok:
                break
        if not self._closed:
            with contextlib.suppress(OSError):  # the other end was faster
                self._sock.sendall(packets.DISCONNECT)

    def _wait(self, kind: int, seconds: float) -> bytes | None:
        """The body of the next packet of `kind`; None where none comes, or all of 0."""
        end_s = time.monotonic() + seconds
        while True:
            while self._came:
                first, body = self._came.pop(0)
                if first & 0xF0 == packets.PUBLISH:
                    self._heard(*packets.message(first, body))
                    if kind == packets.PUBLISH:
                        return b""
                elif first & 0xF0 == kind:
                    return bytes(body)
            left_s = end_s - time.monotonic()
            if left_s <= 0 or self._closed:
                return None
            self._sock.settimeout(left_s)
            try:
                data = self._sock.recv(65536)
            except TimeoutError:
                return None
            except OSError:
                data = b""
            self._closed = not data
            self._came += self._decoder.feed(data)

    def _heard(self, number: int, message: packets.Message) -> None:
        if message.topic == self._topic:
            self._came_back = True
        elif message.topic == self._base + "/status":
            self._statuses.append((message.payload, message.retain))

    def _user(self) -> Step:
        broker = self._broker
        what = "the broker takes us" + (f" as {broker.user}" if broker.user else "")
        name = "pl-" + os.urandom(5).hex()
        self._sock.sendall(packets.connect(name, 60, True, broker.user, broker.password))
        try:
            body = self._wait(packets.CONNACK, _ANSWER_S)
            verdict = packets.connack(body)[1] if body is not None else -1
        except ValueError:
            return bad(
                what, "something else listens", "Whoever listens there does not speak MQTT.",
                "Check host and port. Some brokers speak MQTT over websockets on other ports.",
            )  # fmt: skip
        if body is None:
            why = "closes the connection" if self._closed else "says nothing"
            return bad(
                what, "something else listens",
                f"Whoever listens there {why}: it wants TLS, or is no MQTT broker.",
                "Try mqtts:// and its port, mostly 8883." if not broker.tls
                else "Check host and port.",
            )  # fmt: skip
        if verdict:
            kind, why = _VERDICTS.get(verdict, ("refused", f"It refuses, for reason {verdict}."))
            return bad(
                what, kind, why,
                "The address holds them: mqtts://USER:PASSWORD@HOST; what is special as %XX. Users "
                "of a cloud's broker are made on its page, and are not one's account there.",
            )  # fmt: skip
        return good(what)

    def _take_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Takes what is published, until `done()`, for `seconds` at most."""
        end_s = time.monotonic() + seconds
        while not done() and not self._closed and time.monotonic() < end_s:
            self._wait(packets.PUBLISH, end_s - time.monotonic())

    def _topics(self) -> Step:
        what = f"we may read and write below {self._base}/_s"
        self._sock.sendall(
            packets.subscribe(1, [(self._topic, 0), (self._base + "/status", 0)])
        )  # fmt: skip
        body = self._wait(packets.SUBACK, _ANSWER_S) or b""
        if not self._closed:
            head = packets.publish_head(self._topic.encode(), 1, 0, False, 0)
            self._sock.sendall(head + b"?")
        self._take_until(lambda: self._came_back, _ANSWER_S)
        if 0x80 in body[2:] or not self._came_back:
            refuses = "The broker refuses" if 0x80 in body[2:] else "What we publish there is lost"
            return bad(
                what, "topic not allowed",
                f"{refuses}: this user is not allowed to use that topic.",
                f"Allow the user reading and writing below {self._base}/ (mosquitto: acl_file, "
                f"`topic readwrite {self._base}/#`), or use another prefix on both sides.",
            )  # fmt: skip
        return good(what)

    def _node(self) -> Step:
        what = f"the node {self._base} is there"
        # Perhaps it is just about to say so.
        self._take_until(lambda: bool(self._statuses), _GLANCE_S)
        if not self._statuses:
            return bad(
                what, "node never seen",
                f"Nothing of that name has ever been on this broker: no status is at "
                f"{self._base}/status.",
                'Compare prefix and name with the node\'s own: node.run("mqtt://HOST/PREFIX") of '
                "the node NAME is mqtt://HOST/PREFIX/NAME. What it prints says more: `picolink log "
                "usb:auto`.",
            )  # fmt: skip
        # A node that stays is believed at once; one that changes is watched.
        self._wait(packets.PUBLISH, _GLANCE_S)
        if len(self._statuses) > 1 or self._statuses[-1][0] != b"online":
            self._take_until(lambda: False, _WATCH_S)
        changes = len(self._statuses) - 1
        if changes >= 3:
            return bad(
                what, "client id stolen",
                f"The node came and went {changes} times in {_WATCH_S:g} s: another client has the "
                "same client id, and each throws the other out.",
                "Look for a second program with the same id, perhaps a copy of the first: every "
                "client of a broker needs an id of its own.",
            )  # fmt: skip
        if self._statuses[-1][0] != b"online":
            return bad(
                what, "node offline",
                "The node has been there, and has gone: it is off, not in the network, or can't "
                "reach the broker.",
                "Look at what it prints: `picolink log usb:auto`, `picolink doctor usb:auto`.",
            )  # fmt: skip
        return good(what, NODE)
