"""TCP on MicroPython: what a link makes of what its socket says."""

from both import raises, skip_on_cpython

from picolink.core.errors import LinkError
from picolink.core.lengths import encode


class Socket:
    """Gives what is in `comes`, None where nothing has; takes so many bytes as `takes` says."""

    def __init__(self, *comes):
        self.comes = list(comes)
        self.takes = []
        self.taken = b""

    def setblocking(self, on):
        pass

    def setsockopt(self, *option):
        pass

    def readinto(self, buffer):
        data = self.comes.pop(0)
        if data is not None:
            buffer[: len(data)] = data
        return None if data is None else len(data)

    def write(self, data):
        n = self.takes.pop(0)
        self.taken += bytes(data[: n or 0])
        return n


@skip_on_cpython("its sockets")
def test_nothing_yet_is_not_the_end():
    from picolink.links.tcp.link import make

    link = make(Socket(encode(b"one"), None, b""), "tcp:x")
    assert link.receive() == [b"one"]
    assert link.receive() == []
    with raises(LinkError, match="closed by the other side"):
        link.receive()


@skip_on_cpython("its sockets")
def test_what_a_socket_does_not_take_waits():
    from picolink.links.tcp.link import make

    sock = Socket()
    sock.takes = [None, 2, 5]
    link = make(sock, "tcp:x")
    link.send(b"one")
    assert link.unsent and not sock.taken
    link.flush()
    assert link.unsent
    link.flush()
    assert not link.unsent and sock.taken == encode(b"one")
