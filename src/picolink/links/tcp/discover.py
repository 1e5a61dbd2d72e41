"""Finds nodes in the network: asks everybody by UDP (spec 11), and hosts by name. Host only.

`$PICOLINK_DISCOVER` says in which networks: this computer's addresses there, with commas between;
"" is in none. Left out, it is all that are known.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..host.virtual import virtual_boards
from .answering import ANSWER, NUMBER_BYTES, PORT, QUESTION
from .link import PORT as TCP_PORT

SEARCH_S = 0.9
NAMED_S = 3.0  # for a host's name: mDNS asks at once, soon, and then after a second and another one
_ASKED_AT_S = (0.0, 0.2, 0.5, 1.2, 2.2)  # again and again: broadcasts over Wi-Fi get lost
_REACHED_S = 0.6  # after a name was resolved, for its host to answer
_MORE_S = 0.3  # after the first that was searched for: there may be another of its name
_QUESTION_BYTES = 512  # no answer is longer
_HERE = "127.0.0.1"
_LONGEST = 80  # characters of anything that a stranger tells


class Found(NamedTuple):
    """A node that answered. What it did not tell is "" or None."""

    address: str  # that opens it: "tcp:192.168.1.20"
    name: str
    uid: str
    host: str = ""  # its host name: also HOST.local
    signal_dbm: int | None = None  # where it is on Wi-Fi
    firmware: str = ""
    machine: str = ""
    version: str = ""  # of picolink
    links: tuple[str, ...] = ()
    virtual: bool = False

    def __str__(self) -> str:
        return f"{self.address} ({self.uid})"


def search(
    wanted: Callable[[Found], bool] | None = None,
    hosts: Iterable[str] = (),
    timeout_s: float = SEARCH_S,
) -> list[Found]:
    """The nodes that answer within `timeout_s`, each once, sorted by address.

    `wanted`: ends soon after the first such one. `hosts` (addresses, or names as in NAME.local)
    are asked besides, also where broadcasts don't reach; a name that nobody knows yet is asked for
    during NAMED_S, so that one lost packet hides nobody.
    """
    with _Search(wanted) as at_work:
        return at_work.run(list(hosts), timeout_s)


def named(name: str, timeout_s: float = SEARCH_S) -> list[Found]:
    """The nodes of this name, host name or unique id. Takes NAMED_S where there is none."""

    def fits(node: Found) -> bool:
        return name in (node.name, node.host, node.uid, node.uid.upper())

    return [node for node in search(fits, [name], timeout_s) if fits(node)]


def own_addresses() -> list[str]:
    """This computer's IPv4 addresses, one for each network to search."""
    said = os.environ.get("PICOLINK_DISCOVER")
    if said is not None:
        return [part.strip() for part in said.split(",") if part.strip()]
    found = {_HERE: None, **dict.fromkeys(_of_interfaces() or _of_routes())}
    return list(found)


def _of_interfaces() -> list[str]:
    try:
        import ifaddr  # comes with zeroconf
    except ImportError:
        return _of_linux()
    everything = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [str(address) for address in everything]


def _of_linux() -> list[str]:
    try:
        import fcntl
    except ImportError:
        return []  # Windows
    get_address = 0x8915  # SIOCGIFADDR
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # one without an address; or this is no Linux
                told = fcntl.ioctl(sock, get_address, name.encode().ljust(32, b"\0"))
                found.append(socket.inet_ntoa(told[20:24]))
    return found


def _of_routes() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", PORT))  # sends nothing, but chooses the way
        except OSError:
            return []
        return [sock.getsockname()[0]]


class _Search:
    """One search: its sockets, and what has come."""

    def __init__(self, wanted: Callable[[Found], bool] | None) -> None:
        self._wanted = wanted
        self._number = os.urandom(NUMBER_BYTES // 2).hex().encode()
        self._question = (QUESTION + self._number).ljust(_QUESTION_BYTES)
        self._found: dict[str, Found] = {}
        self._direct: set[str] = set()  # hosts to ask
        self._virtual: set[str] = set()
        self._own = own_addresses()
        self._broadcasting = [sock for own in self._own if (sock := _open(own))]
        self._plain = _open("")
        self._loopback = _open(_HERE)
        self._resolved, self._resolving = socket.socketpair()  # wakes the waiting loop
        self._ends_s = 0.0
        self._times: list[float] = []  # when all are asked again
        self._unresolved = 0  # names that are being asked for
        self._over = threading.Event()  # names are asked for no more

    def __enter__(self) -> _Search:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for sock in (*self._sockets(), self._resolved, self._resolving):
            sock.close()

    def _sockets(self) -> list[socket.socket]:
        return [s for s in (*self._broadcasting, self._plain, self._loopback) if s is not None]

    def run(self, hosts: list[str], timeout_s: float) -> list[Found]:
        """Asks, and hears what comes."""
        begun_s = time.monotonic()
        least_s = begun_s + timeout_s
        self._virtual = {board["address"] for board in virtual_boards() if board["address"]}
        self._direct = set(self._virtual) | {host for host in hosts if _is_ip(host)}
        names = [host for host in hosts if not _is_ip(host)]
        named_s = max(timeout_s, NAMED_S)
        threads = [
            threading.Thread(target=self._resolve, args=(name, named_s), daemon=True)
            for name in names
        ]
        for thread in threads:
            thread.start()
        self._unresolved = len(names)
        self._ends_s = begun_s + named_s if names else least_s
        self._times = [begun_s + after_s for after_s in _ASKED_AT_S]
        while (now_s := time.monotonic()) < self._ends_s:
            if self._times and now_s >= self._times[0]:
                self._times.pop(0)
                self._ask_all()
            until_s = min([self._ends_s, *self._times[:1]])
            readable, _, _ = select.select(
                [*self._sockets(), self._resolved], [], [], max(0, until_s - time.monotonic())
            )
            for sock in readable:
                self._take(sock, least_s)
        self._over.set()
        for thread in threads:  # the system's resolver may take longer: it is not waited for
            thread.join(0.2)
        return sorted(self._found.values(), key=_order)

    def _ask_all(self) -> None:
        for sock in self._broadcasting:
            _send(sock, self._question, "255.255.255.255")
            if sock.getsockname()[0].startswith("127."):
                _send(sock, self._question, _HERE)  # those there for this computer only
        for ip in self._direct:
            self._ask(ip)

    def _ask(self, ip: str) -> None:
        sock = self._loopback if ip.startswith("127.") else self._plain
        if sock is not None:
            _send(sock, self._question, ip)

    def _resolve(self, host: str, timeout_s: float) -> None:
        """Runs in a thread of its own."""
        from .mdns import addresses_of

        found = addresses_of(host, self._own, timeout_s, self._over)
        with contextlib.suppress(OSError):  # the search is over
            self._resolving.send("".join(f"{ip} " for ip in found).encode() + b"\n")

    def _take(self, sock: socket.socket, least_s: float) -> None:
        if sock is self._resolved:
            told = sock.recv(1024)
            now_s = time.monotonic()
            for ip in told.decode().split():
                self._direct.add(ip)
                self._ask(ip)
                self._times = sorted([*self._times, now_s + 0.2, now_s + 0.4])
                least_s = max(least_s, now_s + _REACHED_S)
            self._unresolved -= told.count(b"\n")
            if not self._unresolved:  # one that is known to nobody is waited for no longer
                self._ends_s = min(self._ends_s, least_s)
            return
        try:
            data, (ip, _) = sock.recvfrom(2048)
        except OSError:
            return  # of one that was asked, nobody listens
        node = parse(data, self._number, ip, ip in self._virtual)
        if node is None or node.uid in self._found:
            return
        self._found[node.uid] = node
        if self._wanted is not None and self._wanted(node):
            self._ends_s = min(self._ends_s, time.monotonic() + _MORE_S)


def parse(data: bytes, number: bytes, ip: str, virtual: bool = False) -> Found | None:
    """What an answer from `ip` tells; None for what is none to this question."""
    head = ANSWER + number
    if data[: len(head)] != head:
        return None
    try:
        about: Any = json.loads(data[len(head) :])
    except (ValueError, RecursionError):
        return None
    if not isinstance(about, dict):
        return None
    name, uid = _text(about.get("name")), _text(about.get("uid"))
    if not name or not uid:
        return None
    told = about.get("links")
    links = tuple(filter(None, map(_text, told[:16]))) if isinstance(told, list) else ()
    signal = about.get("rssi")
    return Found(
        _address(ip, links), name, uid, _text(about.get("host")),
        signal if type(signal) is int and -128 <= signal < 0 else None,
        _text(about.get("firmware")), _text(about.get("machine")), _text(about.get("version")),
        links, virtual,
    )  # fmt: skip


def _address(ip: str, links: tuple[str, ...]) -> str:
    """How to dial a node that answered from `ip`: at the first port that it listens at."""
    for link in links:
        scheme, _, where = link.partition(":")
        host, _, port = where.rpartition(":")
        if scheme == "tcp-listen" and port.isascii() and port.isdigit():
            ip = host if _is_ip(host) and host != "0.0.0.0" else ip
            return f"tcp:{ip}" if int(port) == TCP_PORT else f"tcp:{ip}:{int(port)}"
    return f"tcp:{ip}"


def _text(value: object) -> str:
    """What a stranger tells, fit to be printed."""
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else "?" for c in value[:_LONGEST])


def _order(node: Found) -> tuple[str, str]:
    return node.name, node.address


def _open(own: str) -> socket.socket | None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        # A broadcast to everybody goes out into the network of the address it comes from.
        sock.bind((own, 0))
        sock.setblocking(False)
    except OSError:
        sock.close()
        return None
    return sock


def _send(sock: socket.socket, data: bytes, ip: str) -> None:
    with contextlib.suppress(OSError):  # no way there now
        sock.sendto(data, (ip, PORT))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
