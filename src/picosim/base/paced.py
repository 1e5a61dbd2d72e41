"""A process of its own that keeps a medium's pace, whatever boards and programs do meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from picosim.base.lines import Lines, Message

if TYPE_CHECKING:
    from picosim.world import World

_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"
_WAIT_S = 20  # also on a computer that has much to do


class Paced:
    """The process, and the line to it. `module` has a `main` that reads `config` (JSON); boards
    bring it their ends at the socket `path`, of type `kind`. It says `ready`, `attached` with the
    number of an end, and `counts` as it is asked; `told` hears it too, in the world's thread."""

    def __init__(
        self, world: World, what: str, module: str, path: str, config: dict[str, Any],
        kind: socket.SocketKind = socket.SOCK_STREAM,
        told: Callable[[Message], object] = lambda message: None,
    ) -> None:  # fmt: skip
        self.path = path
        self.attached: Counter[int] = Counter()
        self._what = what
        self._hears = told
        self._world = world
        self._changed = threading.Condition()
        self._ready = False
        self._requests = 0
        self._counts: tuple[int, Any] = (0, None)
        self._lines: Lines | None = None
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(path)
        listener.listen(8)
        here, there = socket.socketpair()
        config = {**config, "fd": there.fileno(), "listener": listener.fileno()}
        start = _START.format(path=[p or os.getcwd() for p in sys.path], module=module)
        with open(path + ".stderr", "wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", start, json.dumps(config)],
                pass_fds=[there.fileno(), listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        there.close()
        listener.close()

        def listen() -> None:
            self._lines = Lines(world.loop, here, self._told, self._lost)

        world.loop.post(listen)
        self.wait(lambda: self._ready, "start")

    @property
    def process_id(self) -> int:
        """Of the process."""
        return self._process.pid

    def send(self, *message: Any) -> None:
        """Tells it something."""

        def tell() -> None:
            if self._lines:
                self._lines.send(*message)

        self._world.loop.post(tell)

    def wait(self, until: Callable[[], object], what: str) -> None:
        """Waits until something is so, which is asked whenever it has said something; RuntimeError,
        with what it printed, where that takes too long."""
        with self._changed:
            if not self._changed.wait_for(until, _WAIT_S):
                with open(self.path + ".stderr") as stderr:
                    said = stderr.read().strip()
                raise RuntimeError(f"{self._what} did not {what} within {_WAIT_S} s. {said}")

    def counts(self) -> Any:
        """What it counts; answered once all that it was told before is done."""
        with self._changed:
            self._requests += 1
            number = self._requests
        self.send("counts", number)
        self.wait(lambda: self._counts[0] >= number, "answer")
        return self._counts[1]

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        if self._lines:
            self._world.loop.post(self._lines.close)
            self._lines = None
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def _told(self, message: Message) -> None:
        with self._changed:
            if message[0] == "ready":
                self._ready = True
            elif message[0] == "attached":
                self.attached[message[1]] += 1
            elif message[0] == "counts":
                self._counts = (message[1], message[2])
            self._changed.notify_all()
        self._hears(message)

    def _lost(self) -> None:
        pass  # it was closed; or it fell over: whoever waits for it says so
