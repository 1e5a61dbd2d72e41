"""The `socket` module: each board has its own loopback address, which it listens on and dials from.

Addresses are tuples, as on the board. What is accepted is the interpreter's own socket; one that
dials or listens is a thin wrapper, since the interpreter would let the system choose its address.
"""

import errno
import io

import select as _select
import socket as _native
from socket import *

_address = None  # set by start.py


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
    return [(2, type or 1, proto, "", _tuple(_resolve(host, port)))]


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
        self._bound = False
        for name in (
            "read",
            "readinto",
            "readline",
            "write",
            "send",
            "recv",
            "listen",
            "settimeout",
            "setblocking",
            "setsockopt",
            "fileno",
            "makefile",
        ):
            setattr(self, name, getattr(native, name))
        self.sendall = self._sendall

    def _sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self.send(view) :]

    def bind(self, address):
        packed = _packed(address)
        if not _tuple(packed)[0].startswith("127."):
            raise OSError(errno.EADDRNOTAVAIL)
        self._native.bind(packed)
        self._bound = True

    def _own(self):
        if not self._bound:
            self._native.bind(_resolve(_address, 0))
            self._bound = True

    def connect(self, address):
        packed = _dial(address)
        self._own()
        self._native.connect(packed)

    def accept(self):
        connection, packed = self._native.accept()
        return connection, _tuple(packed)

    def sendto(self, data, address):
        packed = _dial(address)
        self._own()
        return self._native.sendto(data, packed)

    def recvfrom(self, n):
        data, packed = self._native.recvfrom(n)
        return data, _tuple(packed)

    def _poll_as(self, events):
        return ((self._native, events),)

    def ioctl(self, op, arg):
        if op == 4:
            self._native.close()
            return 0
        return -1  # EPERM: an operation it does not have

    def close(self):
        self._native.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class poll:
    """select.poll that knows the stand-ins; costs nothing where none is registered."""

    def __init__(self):
        self._native = native = _select.poll()
        self._wrapped = {}
        self.poll = native.poll
        self.ipoll = native.ipoll

    def register(self, obj, events=5):
        if not hasattr(obj, "_poll_as"):
            return self._native.register(obj, events)
        self.poll = self._poll
        self.ipoll = self._ipoll
        for native, wanted in obj._poll_as(events):
            self._wrapped[id(native)] = obj
            self._native.register(native, wanted)

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
