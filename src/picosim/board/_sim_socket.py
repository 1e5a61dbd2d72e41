"""The `socket` module: each board has its own loopback address, which it listens on and dials from.

Addresses are tuples, as on the board. What is accepted is the interpreter's own socket; one that
dials or listens is a thin wrapper, since the interpreter would let the system choose its address.
Of a board in the air the simulator decides whom it reaches (wifi/medium.py): it names a loopback port
for each that the program binds or dials.
"""

import errno
import io
import struct
import time as _time

import _sim_air as _air
import _sim_bus as _bus
import select as _select
import socket as _native
from socket import *

_address = None  # set by start.py
_DNS_SILENT = -3  # of wifi/datagrams.py
_LWIP_ASKS_S = 5  # about, until it gives up
_NATIVE = "read readinto readline write send recv settimeout setblocking setsockopt fileno makefile"
_wired = []  # ports listened at on the wire


def _leave_the_wire():
    """The program uses its radio: from now on its sockets are in the air."""
    if not _air.on:
        _air.on = True
        _bus.send("air")
        for port in _wired:
            _air.call("listen", port, port)


def _resolve(host, port, kind=1):
    if host in ("", "0.0.0.0"):
        host = _address
    found = _native.getaddrinfo(host, port, 2, kind)
    if not found:
        raise OSError(-2)
    return found[0][-1]


def _tuple(packed):
    family, host, port = _native.sockaddr(packed)[:3]
    return (inet_ntop(family, host), port)


def _packed(address):
    return _resolve(address[0], address[1]) if isinstance(address, tuple) else address


def getaddrinfo(host, port, af=0, type=1, proto=0, flags=0):
    if not isinstance(host, str):
        host = host.decode()
    if _air.on:
        return [(2, type or 1, proto, "", (_found(host), port))]
    return [(2, type or 1, proto, "", _tuple(_resolve(host, port)))]


def _found(host):
    if host in ("", "0.0.0.0"):
        return "0.0.0.0"
    try:
        inet_pton(2, host)
        return host
    except OSError:
        if host == "localhost":
            return "127.0.0.1"
    try:
        return _air.call("resolve", host)
    except OSError as error:
        if error.errno == _DNS_SILENT:
            _time.sleep(_LWIP_ASKS_S)
            raise OSError(-2)
        raise


def _dial(address):
    packed = _packed(address)
    host = _tuple(packed)[0]
    if not host.startswith("127."):
        raise OSError(errno.EHOSTUNREACH)
    return packed


class socket(io.IOBase):
    def __init__(self, af=2, type=1, proto=0):
        native = _native.socket(af, type, proto)
        self._native = native
        self._kind = "udp" if type == 2 else "tcp"
        self._bound = False
        self._port = 0  # one of the board's own in the air
        self._at = 0  # which is this one of loopback
        self._to = None  # what it dials, or whom its datagrams go to
        for name in _NATIVE.split():
            setattr(self, name, getattr(native, name))
        self.sendall = self._sendall

    def _sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self.send(view) :]

    def bind(self, address):
        if _air.on:
            return self._bind_in_air(*_tuple(address) if isinstance(address, bytes) else address)
        packed = _packed(address)
        if not _tuple(packed)[0].startswith("127."):
            raise OSError(errno.EADDRNOTAVAIL)
        self._native.bind(packed)
        self._bound = True
        self._port = _tuple(packed)[1]

    def _bind_in_air(self, host, port):
        again = False
        while not self._at:
            at = _air.call("bind", self._kind, host or "0.0.0.0", port, again)
            try:
                self._native.bind(_resolve(_address, at))
                self._at = at
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                again = True
        self._port = port
        self._bound = True
        if self._kind == "udp":
            self._in_air()

    def _in_air(self):
        # Datagrams have a head there: whence they come, whither they go.
        self.sendto = self._sendto_in_air
        self.recvfrom = self._recvfrom_in_air
        self.send = self.write = lambda data: self.sendto(data, self._to)
        self.recv = self.read = lambda n=1500: self.recvfrom(n)[0]

    def listen(self, backlog=2):
        self._native.listen(backlog)
        if self._at:
            _air.call("listen", self._port, self._at)
        elif self._port:
            _wired.append(self._port)
            if _air.on:
                _air.call("listen", self._port, self._port)

    def _own(self):
        if not self._bound:
            self._native.bind(_resolve(_address, 0))
            self._bound = True

    def connect(self, address):
        if self._kind == "udp" and _air.on:
            self._to = address
            if not self._bound:
                self._bind_in_air("0.0.0.0", 0)
            return
        if self._to is None:
            if _air.on:
                self._to = _resolve(*_air.call("dial", *address))
            else:
                self._to = _dial(address)
            self._own()
        self._native.connect(self._to)

    def accept(self):
        connection, packed = self._native.accept()
        peer = _tuple(packed)
        if _air.on:
            peer = tuple(_air.call("who", peer[1]) or peer)
        return connection, peer

    def sendto(self, data, address):
        if _air.on and not self._bound:
            self._bind_in_air("0.0.0.0", 0)
            return self._sendto_in_air(data, address)
        packed = _dial(address)
        self._own()
        return self._native.sendto(data, packed)

    def _sendto_in_air(self, data, address):
        head = inet_pton(2, address[0]) + struct.pack(">H", address[1])
        to = _resolve("127.0.0.1", _air.call("datagrams", address[0]))
        return self._native.sendto(head + data, to) - 6

    def recvfrom(self, n):
        data, packed = self._native.recvfrom(n)
        return data, _tuple(packed)

    def _recvfrom_in_air(self, n):
        data = self._native.recv(n + 6)
        if len(data) < 6:
            return b"", ("0.0.0.0", 0)
        return data[6:], (inet_ntop(2, data[:4]), struct.unpack(">H", data[4:6])[0])

    def _poll_as(self, events):
        return ((self._native, events),)

    def ioctl(self, op, arg):
        if op == 4:
            self.close()
            return 0
        return -1  # EPERM: an operation it does not have

    def close(self):
        if self._at:
            _air.call("unbind", self._kind, self._at)
            self._at = 0
        elif self._port in _wired:
            _wired.remove(self._port)
            if _air.on:
                _air.call("unbind", self._kind, self._port)
        self._native.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


_POLLED = 40  # file descriptors at once: of links, of listeners, of the simulator


class poll:
    """select.poll that knows the stand-ins; costs nothing where none is registered."""

    def __init__(self):
        self._native = native = _select.poll()
        self._long = False
        self._wrapped = {}
        self.poll = native.poll
        self.ipoll = native.ipoll

    def register(self, obj, events=5):
        if not hasattr(obj, "_poll_as"):
            if hasattr(obj, "ioctl") and not self._long:
                self._make_long()
            return self._native.register(obj, events)
        self.poll = self._poll
        self.ipoll = self._ipoll
        for native, wanted in obj._poll_as(events):
            self._wrapped[id(native)] = obj
            self._native.register(native, wanted)

    def _make_long(self):
        # The unix port loses its head (a crash in `ipoll`) where its list of file descriptors has to
        # grow beside objects that have none, such as a Bluetooth link: so it is made long before.
        # A board's port has no such list.
        self._long = True
        native = self._native
        room = [_native.socket() for _ in range(_POLLED)]
        for sock in room:
            native.register(sock, 1)
        for sock in room:
            native.unregister(sock)
            sock.close()

    def modify(self, obj, events):
        if not hasattr(obj, "_poll_as"):
            return self._native.modify(obj, events)
        self.unregister(obj)
        self.register(obj, events)

    def unregister(self, obj):
        if not hasattr(obj, "_poll_as"):
            return self._native.unregister(obj)
        for native, _ in obj._poll_as(5):
            if self._wrapped.pop(id(native), None):
                self._native.unregister(native)

    def _ipoll(self, timeout_ms=-1, flags=0):
        wrapped = self._wrapped
        found = []
        for item in self._native.ipoll(timeout_ms, flags):
            obj = wrapped.get(id(item[0]), item[0])
            for i in range(len(found)):
                if found[i][0] is obj:  # its other half is ready too
                    found[i] = (obj, found[i][1] | item[1])
                    break
            else:
                found.append((obj, item[1]))
        return iter(found)

    def _poll(self, timeout_ms=-1):
        return list(self._ipoll(timeout_ms))
