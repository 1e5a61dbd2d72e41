"""The air: which board reaches whom over Wi-Fi, and the calls by which boards use it.

A board in the air has no way to anybody but through here: what it dials and whoever dials it is
passed on by `flow.py` and `host.py`, datagrams by `datagrams.py`, as its radio allows.
"""

from __future__ import annotations

import errno
import random
import socket
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from picosim.base.events import EventLoop, Timer
from picosim.base.lines import Lines, Message
from picosim.wifi.access_point import AccessPoint
from picosim.wifi.datagrams import DNS_SILENT, MDNS, Datagrams
from picosim.wifi.flow import Dialing, Flow
from picosim.wifi.host import Door
from picosim.wifi.radio import Radio

if TYPE_CHECKING:
    from collections.abc import Callable

    from picosim.wifi.flow import Opened

HERE = "127.0.0.1"
HOST_FROM_BOARD = 100
"""This computer's address in a board's network; in a router's it has the router's own."""
FIRST_PORT = 20000


class End(NamedTuple):
    """One side of a connection: a radio as it was then, or this computer."""

    radio: Radio | None
    boot: int = 0
    ip: str = ""

    @property
    def gone(self) -> bool:
        """Whether its board has lost power since."""
        return self.radio is not None and self.radio.boot != self.boot


class Air:
    """All radios and access points of a world. Everything in the world's thread."""

    def __init__(self, loop: EventLoop) -> None:
        self.loop = loop
        self.access_points: list[AccessPoint] = []
        self.radios: dict[str, Radio] = {}  # by the token that their boards show
        self.flows: set[Flow] = set()
        self.dialing: set[Dialing] = set()
        self.doors: dict[tuple[str, int], Door] = {}
        self.datagrams = Datagrams(self)
        self.different = threading.Condition()  # for other threads: some radio or network is
        self._random = random.Random()
        self._timer: Timer | None = None
        self._listener = socket.create_server((HERE, 0), backlog=64)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._lines: set[Lines] = set()
        loop.post(lambda: loop.on_readable(self._listener.fileno(), self._comes))

    def radio(self, name: str, address: str, unique_id: bytes) -> tuple[Radio, str]:
        """The radio of a new board, and the token by which it is known."""
        radio = Radio(self, name, address, bytes((0x28, 0xCD, 0xC1)) + unique_id[-3:])
        token = f"{random.SystemRandom().getrandbits(64):x}"
        self.radios[token] = radio
        return radio, token

    def close(self) -> None:
        """End it all."""
        self.loop.on_readable(self._listener.fileno(), None)
        self._listener.close()
        for lines in list(self._lines):
            lines.close()
        for flow in list(self.flows):
            flow.close()
        for dialing in list(self.dialing):
            dialing.close()
        for door in self.doors.values():
            door.close()
        self.datagrams.close()

    def add(self, point: AccessPoint) -> None:
        """There is one more access point."""
        self.access_points.append(point)

    # -- changes

    def changed(self) -> None:
        """A radio or an access point is different: what waited may go on, or must wait."""
        for door in self.doors.values():
            door.update()
        for flow in list(self.flows):
            flow.update()
        for dialing in list(self.dialing):
            dialing.update()
        self.datagrams.update()
        with self.different:
            self.different.notify_all()

    def look_again(self, after_s: float) -> None:
        """Have `changed` called then, when a board may have fallen silent."""
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.after(after_s, self.changed)

    # -- ways

    def way(self, radio: Radio, ip: str) -> End | None:
        """Who is at `ip`, seen from a board; None where nobody answers. OSError: no way at all."""
        if ip in [interface.ip for interface in radio.interfaces()]:
            return End(radio, radio.boot, ip)
        interface = next((i for i in radio.interfaces() if i.holds(ip)), None)
        if interface is not None:
            return self._neighbour(radio, interface.ip, interface.cell, ip)
        for interface in radio.interfaces():
            if interface.gateway != "0.0.0.0" and interface.gateway:
                break
        else:
            raise OSError(errno.EHOSTUNREACH)
        cell = interface.cell
        if cell is None or not cell.internet or interface.gateway != cell.address:
            return None
        if not ip.startswith("127."):
            return None
        for other in self.radios.values():
            if other.address == ip:
                return End(other, other.boot, other.reached()) if other.reached() else None
        return End(None, 0, ip)

    def _neighbour(
        self, radio: Radio, own_ip: str, cell: AccessPoint | None, ip: str
    ) -> End | None:
        if cell is None:
            return None
        if ip == cell.address and cell.board is None:
            return End(None, 0, HERE)
        for other in cell.everybody:
            for interface in other.interfaces():
                at_home = interface.cell is cell and interface.ip == ip
                if at_home and interface.holds(own_ip) and other is not radio:
                    return End(other, other.boot, ip)
        return None

    def passes(self, a: End, b: End) -> bool:
        """Whether what `a` sends arrives at `b` now."""
        if a.gone or b.gone or (b.radio and b.radio.silent):
            return False
        if a.radio is None or b.radio is None:
            end = a if a.radio else b
            return end.radio is None or end.radio.reached() == end.ip
        if a.radio is b.radio:
            return True
        try:
            if self.way(a.radio, b.ip) == b:
                return True
            found = self.way(a.radio, b.radio.address)
        except OSError:
            return False
        return found is not None and found.radio is b.radio and b.radio.reached() == b.ip

    def host_ip(self, radio: Radio) -> str:
        """The address under which a board sees this computer."""
        for interface in radio.interfaces():
            cell = interface.cell
            if cell is not None:
                if cell.board is None:
                    return cell.address
                return f"{cell.address.rpartition('.')[0]}.{HOST_FROM_BOARD}"
        return HERE

    # -- calls of the boards' programs

    def _comes(self) -> None:
        connection, _ = self._listener.accept()
        radio: Radio | None = None
        main = False

        def received(message: Message) -> None:
            nonlocal radio, main
            if radio is None:
                radio = self.radios.get(message[0])
                main = bool(message[1])
                if radio is None:
                    lines.close()
                elif main:
                    radio.callers.clear()
                    self._forget(radio)
                return
            lines.send(*self._answer(radio, message))

        def lost() -> None:
            self._lines.discard(lines)
            if radio is not None and main:
                boot = radio.boot

                def ended() -> None:
                    if radio.boot == boot:  # else its power was taken
                        self._forget(radio)
                        radio.program_ended()

                self.loop.post(ended)

        lines = Lines(self.loop, connection, received, lost)
        self._lines.add(lines)

    def _forget(self, radio: Radio) -> None:
        radio.tcp.clear()
        radio.udp.clear()
        for key in [key for key in self.doors if key[0] == radio.address]:
            self.doors.pop(key).close()

    def _answer(self, radio: Radio, message: Message) -> tuple[int, Any]:
        name, *arguments = message
        method: Callable[..., Any] = getattr(self, "do_" + name, None) or getattr(
            radio, "do_" + name
        )
        try:
            if method.__self__ is self:  # type: ignore[attr-defined]
                return 0, method(radio, *arguments)
            return 0, method(*arguments)
        except OSError as error:
            return error.args[0] if error.args else errno.EIO, None
        except ValueError:
            return errno.EINVAL, None

    def do_dial(self, radio: Radio, ip: str, port: int) -> tuple[str, int]:
        """Where on loopback a board's connection to `ip` and `port` is to be made."""
        self.way(radio, ip)
        radio.sent()
        return Dialing(self, radio, ip, port).name

    def opened(self, radio: Radio, there: End, port: int) -> Opened | None:
        """The way from a board to a port, None where that is closed."""
        target = (there.ip, port)
        if there.radio:
            if port not in there.radio.tcp:
                return None
            target = (there.radio.address, there.radio.tcp[port])
        leg = socket.socket()
        try:
            leg.connect(target)  # loopback: at once, or refused
        except OSError:
            leg.close()
            return None
        own_ip = self.own_ip(radio, there.ip)
        if there.radio:
            caller_port = leg.getsockname()[1]
            there.radio.callers[caller_port] = (own_ip, caller_port)
        return leg, (End(radio, radio.boot, own_ip), there)

    def own_ip(self, radio: Radio, ip: str) -> str:
        """Under which address a board speaks with `ip`."""
        interfaces = radio.interfaces()
        return next((i.ip for i in interfaces if i.holds(ip)), interfaces[-1].ip)

    def do_who(self, radio: Radio, port: int) -> tuple[str, int] | None:
        """Who it is whose connection came from `port` of loopback."""
        return radio.callers.pop(port, None)

    def do_bind(self, radio: Radio, kind: str, ip: str, port: int, again: bool) -> int:
        """A loopback port for a board's own one; `again`: the last one offered was taken."""
        own = [interface.ip for interface in radio.interfaces()]
        if ip not in ("0.0.0.0", "127.0.0.1", *own):
            raise OSError(errno.EADDRNOTAVAIL)
        ports = radio.tcp if kind == "tcp" else radio.udp
        if port in ports and not again:
            raise OSError(errno.EADDRINUSE)
        port = port or self._random.randrange(49152, 65536)
        ports[port] = self._random.randrange(FIRST_PORT, 32768)
        if kind == "udp":
            self.datagrams.update()
        return ports[port]

    def do_listen(self, radio: Radio, port: int, native: int) -> None:
        """A board listens at `port` now, which is `native` of loopback."""
        radio.tcp[port] = native
        if native != port:  # else it has listened since before it used its radio
            self.doors[radio.address, port] = Door(self, radio, port)

    def do_unbind(self, radio: Radio, kind: str, native: int) -> None:
        """A board has closed a socket that was bound."""
        ports = radio.tcp if kind == "tcp" else radio.udp
        for port in [port for port, here in ports.items() if here == native]:
            del ports[port]
            door = self.doors.pop((radio.address, port), None) if kind == "tcp" else None
            if door:
                door.close()
        self.datagrams.update()

    def do_datagrams(self, radio: Radio, ip: str) -> int:
        """The loopback port to which a board sends datagrams for `ip`, each behind its goal."""
        if ip not in ("255.255.255.255", MDNS[0]):
            self.way(radio, ip)
        elif not radio.interfaces():
            raise OSError(errno.EHOSTUNREACH)
        radio.sent()
        return self.datagrams.port

    def do_resolve(self, radio: Radio, name: str) -> str:
        """The address of a name, as the DNS or the mDNS of the network tells it."""
        if name.lower().endswith(".local"):
            found = self.local(radio, name)
            if found:
                return found[1]
        else:
            for interface in radio.interfaces():
                cell = interface.cell
                if cell is None:
                    continue
                if cell.faults.dns_dead:
                    raise OSError(DNS_SILENT)
                if name.lower() in cell.names:
                    return cell.names[name.lower()]
        raise OSError(-2)

    def local(self, radio: Radio, name: str) -> tuple[Radio, str] | None:
        """Which board says that a name is its own, in mDNS, and its address."""
        for interface in radio.interfaces():
            cell = interface.cell
            if cell is None:
                continue
            for other in cell.everybody:
                if name.lower() == other.hostname.lower() + ".local":
                    for its in other.interfaces():  # none while it waits for its address
                        if its.cell is cell:
                            return other, its.ip
        return None
