"""A process of its own that keeps a medium's pace, whatever boards and programs do meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from picosim.base.child import Child, Served
from picosim.base.lines import Message

if TYPE_CHECKING:
    from picosim.world import World

_WAIT_S = 20  # also on a computer that has much to do


class Paced:
    """The process as a test holds it: wires, or a bus. `module` has its `main`; boards bring it
    their ends at the socket `path`. It says `ready`, and `attached` with the
    number of an end."""

    def __init__(
        self, world: World, what: str, module: str, path: str, config: dict[str, Any]
    ) -> None:
        self._socket = path
        self._attached: Counter[int] = Counter()
        self._what = what
        self._ready = False
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        listener.listen(8)
        log = Path(path + ".stderr")
        self._child = Child(world.loop, module, config, log, self._told, listener=listener)
        listener.close()
        self._wait(lambda: self._ready, "start")

    @property
    def process_id(self) -> int:
        """Of the process that keeps the pace."""
        return self._child.pid

    def _tell(self, *message: Any) -> None:
        """Tells it something, and waits until that is done."""
        self._child.send(*message)
        self._counts()

    def _wait(self, until: Callable[[], object], what: str) -> None:
        with self._child.changed:
            if not self._child.changed.wait_for(until, _WAIT_S):
                self._missed(what)

    def _counts(self) -> Any:
        try:
            return self._child.ask("counts")
        except TimeoutError:
            self._missed("answer")

    def _missed(self, what: str) -> NoReturn:
        said = self._child.said()
        raise RuntimeError(f"{self._what} did not {what} within {_WAIT_S} s. {said}")

    def close(self) -> None:
        """End the process behind it."""
        self._child.kill()
        with contextlib.suppress(OSError):
            os.unlink(self._socket)

    def _told(self, message: Message) -> None:
        with self._child.changed:
            if message[0] == "ready":
                self._ready = True
            elif message[0] == "attached":
                self._attached[message[1]] += 1
            self._child.changed.notify_all()


class PacedProcess(Served):
    """The process itself. Boards, and programs of the host, come at a listener: their first
    message says who it is, and brings descriptors."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._listener = socket.socket(fileno=config["listener"])
        self._listener.setblocking(False)
        self.loop.on_readable(self._listener.fileno(), self._comes)

    def _comes(self) -> None:
        connection, _ = self._listener.accept()
        data, fds, _, _ = socket.recv_fds(connection, 256, 3)
        try:
            self.came(connection, json.loads(data), tuple(fds))
        except (ValueError, KeyError):
            connection.close()

    def came(self, connection: socket.socket, about: Any, fds: tuple[int, ...]) -> None:
        """Somebody is there."""
        raise NotImplementedError
