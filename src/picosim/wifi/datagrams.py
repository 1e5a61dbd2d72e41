"""Datagrams in the air. On loopback each has six bytes more in front: whither, or whence."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from picosim.wifi import dns

if TYPE_CHECKING:
    from picosim.wifi.medium import Air
    from picosim.wifi.radio import Radio

HERE = "127.0.0.1"
DNS_SILENT = -3
"""Of `Air.do_resolve`: a board waits as long as lwIP does before it gives up."""
LARGEST = 65536
MDNS = ("224.0.0.251", 5353)


def _head(ip: str, port: int) -> bytes:
    return socket.inet_aton(ip) + struct.pack(">H", port)


def _udp(host: str, port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # Beside a node of this computer that answers on all addresses; the nearer one gets it.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


class Datagrams:
    """Passes datagrams on between boards, and between a board and this computer."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self._sock = _udp(HERE)
        self.port: int = self._sock.getsockname()[1]
        self._outside: dict[tuple[Radio, int], socket.socket] = {}  # of a board's port, here
        air.loop.post(lambda: air.loop.on_readable(self._sock.fileno(), self._from_board))

    def close(self) -> None:
        """End it."""
        for sock in [self._sock, *self._outside.values()]:
            self._air.loop.on_readable(sock.fileno(), None)
            sock.close()
        self._outside.clear()

    def update(self) -> None:
        """A radio, or what it listens to, may be different."""
        for key, sock in list(self._outside.items()):
            if key[1] not in key[0].udp:
                self._air.loop.on_readable(sock.fileno(), None)
                sock.close()
                del self._outside[key]
        for radio in self._air.radios.values():
            for port in radio.udp:
                if (radio, port) not in self._outside:
                    self._open(radio, port)

    def _open(self, radio: Radio, port: int) -> None:
        try:
            sock = _udp(radio.address, port)
        except OSError:
            return  # somebody of this computer has it
        self._outside[radio, port] = sock
        self._air.loop.on_readable(sock.fileno(), lambda: self._from_here(radio, port, sock))

    def _from_here(self, radio: Radio, port: int, sock: socket.socket) -> None:
        try:
            data, (ip, from_port) = sock.recvfrom(LARGEST)
        except OSError:
            return
        if radio.reached() and not radio.silent:
            seen = self._air.host_ip(radio) if ip == HERE else ip
            self._deliver(radio, port, seen, from_port, data)

    def _from_board(self) -> None:
        try:
            data, (address, native) = self._sock.recvfrom(LARGEST)
        except OSError:
            return
        radio = next((r for r in self._air.radios.values() if r.address == address), None)
        if radio is None or len(data) < 6:
            return
        port = next((port for port, here in radio.udp.items() if here == native), 0)
        if not port:
            return
        ip = socket.inet_ntoa(data[:4])
        (to_port,) = struct.unpack(">H", data[4:6])
        if (ip, to_port) == MDNS:
            self._ask_everybody(radio, port, data[6:])
            return
        for interface in radio.interfaces():
            network_end = interface.ip.rpartition(".")[0] + ".255"
            if ip in ("255.255.255.255", network_end) and interface.cell is not None:
                for other in interface.cell.everybody:
                    if other is not radio and not other.silent:
                        self._deliver(other, to_port, interface.ip, port, data[6:])
                return
        try:
            there = self._air.way(radio, ip)
        except OSError:
            return
        if there is None:
            return
        if there.radio is None:
            if to_port == dns.PORT:
                self._answer(radio, port, ip, data[6:])
                return
            outside = self._outside.get((radio, port))
            if outside is not None:
                try:
                    outside.sendto(data[6:], (there.ip, to_port))
                except OSError:
                    pass
        elif not there.radio.silent:
            own_ip = self._air.own_ip(radio, ip)
            self._deliver(there.radio, to_port, own_ip, port, data[6:])

    def _answer(self, radio: Radio, port: int, ip: str, question: bytes) -> None:
        """What the network's DNS server answers, if it does."""
        name = dns.asked(question)
        if name is not None and not name.endswith(".local"):
            try:
                addresses = [self._air.do_resolve(radio, name)]
            except OSError as error:
                if error.args[0] == DNS_SILENT:
                    return
                addresses = []
            self._deliver(radio, port, ip, dns.PORT, dns.answer(question, addresses))

    def _ask_everybody(self, radio: Radio, port: int, question: bytes) -> None:
        """Multicast DNS: the firmware of the board whose name is asked for answers whoever asked
        (RFC 6762, section 6.7), and nobody else says a word."""
        name = dns.asked(question)
        found = self._air.local(radio, name) if name is not None else None
        if found and found[0] is not radio and not found[0].silent:
            self._deliver(radio, port, found[1], MDNS[1], dns.answer(question, [found[1]]))

    def _deliver(self, radio: Radio, port: int, ip: str, from_port: int, data: bytes) -> None:
        native = radio.udp.get(port)
        if native is None:
            return

        def deliver() -> None:
            try:
                self._sock.sendto(_head(ip, from_port) + data, (radio.address, native))
            except OSError:
                pass

        if radio.delay_s:
            self._air.loop.after(radio.delay_s, deliver)
        else:
            deliver()
