"""A node that listens on TCP tells who asks the network for nodes, by UDP (spec 11).

Anybody can send a datagram, in anybody's name. So an answer is never longer than its question, and
few a second are given: nobody's line is flooded through a node.
"""

import json
import socket
import sys

MYPY = False
if MYPY:
    from typing import Any

PORT = 5263
QUESTION = b"picolink? "
ANSWER = b"picolink! "
NUMBER_BYTES = 8  # after that: what a question and its answers have in common
MOST_PER_S = 8
_HEAD_BYTES = len(QUESTION) + NUMBER_BYTES
_LARGEST_BYTES = 1024
_LONG = ("", "machine", "links", "host", "firmware")  # left out where the question was short


class Answerer:
    """Answers while the node listens. Stands for the watch of the listener, and stops it too."""

    def __init__(self, node: "Any", address: str, watch: "Any") -> None:
        self._node = node
        self._watches = [watch]
        self._sock: Any = None
        self._second_ms = 0
        self._given = 0
        host = address[11:].rpartition(":")[0]  # of tcp-listen:HOST:PORT
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            # One that is there for this computer only is asked by it only; else broadcasts come.
            here = host if host[:4] == "127." else "0.0.0.0"
            sock.bind(socket.getaddrinfo(here, PORT, 0, socket.SOCK_DGRAM)[0][-1])
        except OSError as error:
            sock.close()
            if error.args[0] not in (98, 112):  # EADDRINUSE, of Linux and lwIP: answered already
                print("%s: the network can't find it by name: %s" % (node.name, error))
            return
        self._sock = sock
        self.pollable = sock if sys.implementation.name == "micropython" else sock.fileno()
        self._watches.append(node.host.watch(self, self._asked))

    def _asked(self) -> None:
        try:
            question, sender = self._sock.recvfrom(_LARGEST_BYTES)
            answer = self.answer(question, self._node.now_ms())
            if answer is not None:
                self._sock.sendto(answer, sender)
        except OSError:
            pass  # who asked asks again

    def answer(self, question: bytes, now_ms: int) -> "bytes | None":
        """What is answered; None to what is no question, or one too many in this second."""
        if question[: len(QUESTION)] != QUESTION or len(question) <= _HEAD_BYTES:
            return None
        if not 0 <= now_ms - self._second_ms < 1000:
            self._second_ms = now_ms
            self._given = 0
        if self._given >= MOST_PER_S:
            return None
        self._given += 1
        from .telling import tell

        about = tell(self._node)
        if sys.implementation.name == "micropython":
            del sys.modules["picolink.links.tcp.telling"], sys.modules["picolink.links.tcp"].telling
        head = ANSWER + question[len(QUESTION) : _HEAD_BYTES]
        for name in _LONG:
            about.pop(name, None)
            told = head + json.dumps(about).encode()
            if len(told) <= len(question):
                return told
        return None

    def stop(self) -> None:
        """The node has ended."""
        for watch in self._watches:
            watch.stop()
        if self._sock is not None:
            self._sock.close()
