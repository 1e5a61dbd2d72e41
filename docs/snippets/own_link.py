"""Two programs of one computer, over a Unix socket that keeps packets whole (Linux)."""

import socket

from picolink import CannotConnect, LinkError

MTU_BYTES = 4096

HELP = {
    "unix": ("unix:PATH", "dials a node of this computer", {"mtu": "largest packet, bytes (4096)"}),
    "unix-listen": ("unix-listen:PATH", "waits for those who open unix:PATH", {}),
}


class UnixLink:
    stream = False  # packets, not a stream of bytes
    reliable = True  # what it takes arrives, once and in order
    window_bytes = 0  # as much may be under way to us as the node takes

    def __init__(self, sock, address, mtu_bytes=MTU_BYTES):
        sock.setblocking(False)
        self.address = address
        self.mtu_bytes = mtu_bytes
        self.takes_bytes = MTU_BYTES
        self.pollable = sock.fileno()
        self.unsent = False
        self.rest = b""
        self.on_text = len  # the node puts its own here; there is no text on this link
        self._sock = sock

    def receive(self):
        try:
            packet = self._sock.recv(MTU_BYTES)
        except BlockingIOError:
            return []
        if not packet:
            raise LinkError("the other side has closed it")
        return [packet]

    def send(self, packet):
        self.rest = packet
        self.flush()

    def write(self, text):
        pass

    def flush(self):
        try:
            self._sock.send(self.rest)
            self.rest = b""
        except BlockingIOError:
            pass  # it is called again when there is room
        self.unsent = bool(self.rest)

    def close(self):
        self._sock.close()


class UnixListener:
    def __init__(self, sock, address):
        sock.setblocking(False)
        self.address = address
        self.pollable = sock.fileno()
        self._sock = sock

    def watch(self, node, callback):
        return node.host.watch(self, callback)

    def accept(self):
        try:
            sock, _ = self._sock.accept()
        except BlockingIOError:
            return None
        return UnixLink(sock, self.address)

    def close(self):
        self._sock.close()


def open_link(scheme, where, options, timeout_s=10):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        if scheme == "unix-listen":
            sock.bind(where)
            sock.listen()
            return UnixListener(sock, f"{scheme}:{where}")
        sock.connect(where)
        return UnixLink(sock, f"{scheme}:{where}", int(options.get("mtu", MTU_BYTES)))
    except OSError as error:
        sock.close()
        raise CannotConnect(f"{scheme}:{where} can't be opened: {error}") from error


async def open_async(scheme, where, options):
    return open_link(scheme, where, options)
