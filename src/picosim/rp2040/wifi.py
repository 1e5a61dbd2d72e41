"""The network that a Pico W joins here: an access point, and behind it this computer's loopback.

Whatever the program on the board says, nothing else is reached: its gateway, 10.0.0.1, stands for
127.0.0.1; all names are the gateway's; any other address refuses. And who dials the board's own
loopback address on this computer reaches the board.
"""

from __future__ import annotations

import random
import select
import socket
from collections.abc import Iterable, Mapping

from rp2040py.external.cyw43 import Cyw43439, net
from rp2040py.external.cyw43.nat import (
    GATEWAY_IP,
    GATEWAY_MAC,
    GUEST_IP,
    ArpResponder,
    DhcpServer,
)
from rp2040py.rp2040 import RP2040

from picosim.rp2040.firmware import LISTEN_PORTS

HERE = "127.0.0.1"
_MSS = 1460
_WINDOW = 65535
_MASK = 0xFFFFFFFF
_DNS_PORT = 53
_UNSENT_BYTES = 65536


class _Flow:
    """A TCP connection of the board's, and the socket that it goes on as.

    Between the board and here nothing is lost or overtaken, so nothing is ever sent again.
    """

    def __init__(self, bridge: Bridge, end: socket.socket, peer: bytes, port: int, own: int):
        self.bridge = bridge
        self.end = end
        self.peer, self.peer_port, self.own_port = peer, port, own  # as the board sees them
        self.seq = self.acked = random.getrandbits(32)
        self.ack = 0
        self.window = 0
        self.mss = _MSS
        self.connecting = False  # the socket
        self.greeted = False  # the board
        self.unsent = b""
        self.host_over = self.board_over = False

    def say(self, flags: int, payload: bytes = b"", mss: int | None = None) -> None:
        segment = net.pack_tcp(
            self.peer, GUEST_IP, self.peer_port, self.own_port, seq=self.seq, ack=self.ack,
            flags=flags, window=_WINDOW, payload=payload, mss=mss,
        )  # fmt: skip
        self.bridge.say_ip(self.peer, net.IP_PROTO_TCP, segment)
        ends = bool(flags & net.TCP_SYN) + bool(flags & net.TCP_FIN)
        self.seq = (self.seq + len(payload) + ends) & _MASK

    def heard(self, tcp: net.TcpSegment) -> bool:
        """Takes a segment of the board's; False where the connection is over."""
        if tcp.flags & net.TCP_RST:
            return False
        if tcp.flags & net.TCP_SYN:
            self.ack = (tcp.seq + 1) & _MASK
            self.mss = min(tcp.mss or 536, _MSS)
            if tcp.flags & net.TCP_ACK:  # to our dialing
                self.acked = tcp.ack
                self.greeted = True
                self.say(net.TCP_ACK)
        elif tcp.flags & net.TCP_ACK:
            self.acked = tcp.ack
            self.greeted = self.greeted or not self.connecting
        self.window = tcp.window
        if tcp.payload and tcp.seq == self.ack:
            if len(self.unsent) + len(tcp.payload) > _UNSENT_BYTES:
                return True  # not acknowledged: it comes again
            self.ack = (self.ack + len(tcp.payload)) & _MASK
            self.unsent += tcp.payload
            self.write()
        over = tcp.flags & net.TCP_FIN and tcp.seq + len(tcp.payload) & _MASK == self.ack
        if over and not self.board_over:
            self.board_over = True
            self.ack = (self.ack + 1) & _MASK
            self.write()
        if tcp.payload or over:
            self.say(net.TCP_ACK)
        return not (self.board_over and self.host_over)

    def write(self) -> None:
        try:
            while self.unsent:
                self.unsent = self.unsent[self.end.send(self.unsent) :]
            if self.board_over:
                self.end.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self.unsent = b""

    def room(self) -> int:
        """How much the board takes now."""
        return self.window - (self.seq - self.acked & _MASK)

    def read(self) -> bool:
        """Passes on what has come from the socket; False where it broke."""
        room = min(self.room(), self.mss)
        if self.host_over or not self.greeted or room <= 0:
            return True
        try:
            data = self.end.recv(room)
        except BlockingIOError:
            return True
        except OSError:
            self.say(net.TCP_RST | net.TCP_ACK)
            return False
        if data:
            self.say(net.TCP_ACK | net.TCP_PSH, data)
        else:
            self.host_over = True
            self.say(net.TCP_FIN | net.TCP_ACK)
        return not (self.board_over and self.host_over)


class Bridge:
    """Between a board's Wi-Fi and loopback. `address` is the board's there, where `listens` are
    the ports that can be dialed; `ports` puts other ports of this computer in the place of some."""

    def __init__(
        self, address: str, listens: Iterable[int] = LISTEN_PORTS,
        ports: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.address = address
        self.ports = dict(ports or {})
        self.refused: list[tuple[str, int]] = []
        self.frames = 0
        self._arp, self._dhcp = ArpResponder(), DhcpServer()
        self._flows: dict[tuple[int, bytes, int], _Flow] = {}
        self._datagrams: dict[socket.socket, tuple[bytes, int, int]] = {}
        self._listeners: dict[socket.socket, int] = {}
        self._mac: bytes | None = None
        self._next_port = 40000
        for port in listens:
            self.listen(port)

    def attach(self, chip: RP2040) -> None:
        """Put the radio onto the chip's pins; all connections of an earlier one are over."""
        self.reset()
        radio = Cyw43439()
        radio.attach(chip)
        bus = radio.bus
        bus.nat_bridge = self  # type: ignore[assignment]

        def queue(frame: bytes) -> None:
            # The library lets the driver send a packet more with each that comes. After 256 more
            # than it has sent its counter of 8 bits says that it may send none.
            bus._bus_data_credit = (bus._bus_data_credit - 1) & 0xFF
            bus.queue_rx_ethernet_frame(frame)

        self._queue = queue

    def listen(self, port: int) -> None:
        """Have the board dialed at this port of its address."""
        listener = socket.create_server((self.address, port), backlog=8)
        listener.setblocking(False)
        self._listeners[listener] = port

    def reset(self) -> None:
        """The board has left the network."""
        for flow in self._flows.values():
            flow.end.close()
        for end in self._datagrams:
            end.close()
        self._flows.clear()
        self._datagrams.clear()
        self._mac = None

    def close(self) -> None:
        """End it."""
        self.reset()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def say_ip(self, source: bytes, protocol: int, payload: bytes) -> None:
        """Send the board an IP packet."""
        packet = net.pack_ipv4(source, GUEST_IP, protocol, payload)
        self._queue(
            net.pack_ethernet(self._mac or bytes(6), GATEWAY_MAC, net.ETHERTYPE_IPV4, packet)
        )

    # -- from the board

    def handle_outbound_ethernet_frame(self, frame: bytes) -> None:
        """Takes what the board's radio sends (called by it)."""
        ethernet = net.parse_ethernet(frame)
        if ethernet is None:
            return
        self.frames += 1
        answer = self._arp.maybe_handle(ethernet) or self._dhcp.maybe_handle(ethernet)
        if answer is not None:
            self._mac = ethernet.src_mac
            self._queue(answer)
            return
        ip = None
        if ethernet.ethertype == net.ETHERTYPE_IPV4:
            ip = net.parse_ipv4(ethernet.payload)
        if ip is None or ip.src_ip != GUEST_IP:
            return
        self._mac = ethernet.src_mac
        if ip.proto == net.IP_PROTO_TCP:
            tcp = net.parse_tcp(ip.payload)
            if tcp is not None:
                self._tcp(ip.dst_ip, tcp)
        elif ip.proto == net.IP_PROTO_UDP:
            udp = net.parse_udp(ip.payload)
            if udp is not None:
                self._udp(ip.dst_ip, udp)

    def _tcp(self, to: bytes, tcp: net.TcpSegment) -> None:
        key = (tcp.src_port, to, tcp.dst_port)
        flow = self._flows.get(key)
        if flow is None:
            if tcp.flags & (net.TCP_SYN | net.TCP_ACK) == net.TCP_SYN:
                self._dialed(key, tcp)
            return
        if not flow.heard(tcp):
            self._end(key)

    def _dialed(self, key: tuple[int, bytes, int], tcp: net.TcpSegment) -> None:
        own, to, port = key
        end = socket.socket()
        end.setblocking(False)
        flow = _Flow(self, end, to, port, own)
        flow.heard(tcp)
        if to != GATEWAY_IP:
            self.refused.append((socket.inet_ntoa(to), port))
            flow.say(net.TCP_RST | net.TCP_ACK)
            end.close()
            return
        flow.connecting = True
        self._flows[key] = flow
        end.connect_ex((HERE, self.ports.get(port, port)))

    def _udp(self, to: bytes, udp: net.UdpDatagram) -> None:
        if udp.dst_port == _DNS_PORT:
            self.say_ip(
                to, net.IP_PROTO_UDP,
                net.pack_udp(to, GUEST_IP, _DNS_PORT, udp.src_port, _named(udp.payload)),
            )  # fmt: skip
            return
        if to != GATEWAY_IP:
            self.refused.append((socket.inet_ntoa(to), udp.dst_port))
            return
        wanted = (to, udp.dst_port, udp.src_port)
        end = next((end for end, flow in self._datagrams.items() if flow == wanted), None)
        if end is None:
            end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            end.setblocking(False)
            end.connect((HERE, self.ports.get(udp.dst_port, udp.dst_port)))
            self._datagrams[end] = wanted
        try:
            end.send(udp.payload)
        except OSError:
            pass  # nobody is there

    # -- from this computer

    def sockets(self) -> list[socket.socket]:
        """What may become readable, and can then be read."""
        flows = [
            flow.end
            for flow in self._flows.values()
            if flow.connecting or (flow.greeted and not flow.host_over and flow.room() > 0)
        ]
        return [*self._listeners, *self._datagrams, *flows]

    def poll(self) -> None:
        """Serve the sockets, without waiting."""
        if not self._listeners and not self._flows and not self._datagrams:
            return
        writing = [flow.end for flow in self._flows.values() if flow.connecting or flow.unsent]
        readable, writable, _ = select.select(self.sockets(), writing, [], 0)
        for end in readable:
            if end in self._listeners:
                self._accept(end)
            elif end in self._datagrams:
                self._datagram(end)
        for key, flow in list(self._flows.items()):
            alive = True
            if flow.connecting and flow.end in writable:
                flow.connecting = False
                if flow.end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    flow.say(net.TCP_RST | net.TCP_ACK)
                    alive = False
                else:
                    flow.say(net.TCP_SYN | net.TCP_ACK, mss=_MSS)
            elif flow.end in readable:
                alive = flow.read()
            if flow.unsent:
                flow.write()
            if not alive:
                self._end(key)

    def _accept(self, listener: socket.socket) -> None:
        try:
            end, _ = listener.accept()
        except OSError:
            return
        end.setblocking(False)
        if self._mac is None:  # not joined: nobody is there
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            end.close()
            return
        self._next_port = (
            self._next_port % 60000 + 1 if self._next_port >= 60000 else (self._next_port + 1)
        )
        flow = _Flow(self, end, GATEWAY_IP, self._next_port, self._listeners[listener])
        self._flows[(flow.own_port, GATEWAY_IP, flow.peer_port)] = flow
        flow.say(net.TCP_SYN, mss=_MSS)

    def _datagram(self, end: socket.socket) -> None:
        peer, port, own = self._datagrams[end]
        try:
            data = end.recv(2048)
        except OSError:
            return
        self.say_ip(peer, net.IP_PROTO_UDP, net.pack_udp(peer, GUEST_IP, port, own, data))

    def _end(self, key: tuple[int, bytes, int]) -> None:
        flow = self._flows.pop(key)
        flow.end.close()


def _named(question: bytes) -> bytes:
    """The answer of a DNS server to whom every name is the gateway's (RFC 1035, 4.1)."""
    end = 12
    while end < len(question) and question[end]:
        end += 1 + question[end]
    end += 5
    header = question[:2] + b"\x81\x80" + question[4:6] + b"\0\1\0\0\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + GATEWAY_IP
    return header + question[12:end] + record
