"""A child process: `Child` is the parent's side, `Served` runs inside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from picosim.base.events import EventLoop
from picosim.base.lines import Lines, Message

_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"


class Child:
    """The process, and the line to it. `module` has a `main` that reads `config` (JSON), where the
    descriptors `fd` and perhaps `listener` are put in; what it prints goes to the file `log`.

    `received(message)` and `lost()` are called in the loop's thread. `changed` is notified
    when an answer comes, or the process ends: then `gone` is True.
    """

    def __init__(
        self,
        loop: EventLoop,
        module: str,
        config: dict[str, Any],
        log: Path,
        received: Callable[[Message], object],
        lost: Callable[[], object] = lambda: None,
        listener: socket.socket | None = None,
        changed: threading.Condition | None = None,
    ) -> None:
        self.changed = changed or threading.Condition()
        self.gone = False
        self._loop = loop
        self._log = log
        self._received = received
        self._lost = lost
        self._asked = 0
        self._answers: dict[int, Any] = {}
        here, there = socket.socketpair()
        passed = {"fd": there.fileno()}
        if listener:
            passed["listener"] = listener.fileno()
        start = _START.format(path=[p or os.getcwd() for p in sys.path], module=module)
        with open(log, "wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", start, json.dumps({**config, **passed})],
                pass_fds=[*passed.values()],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        self.pid = self._process.pid
        there.close()
        loop.call(lambda: self._listen(here))

    def _listen(self, here: socket.socket) -> None:
        self._lines = Lines(self._loop, here, self._told, self._ended)

    def tell(self, *message: Any) -> None:
        """Tells it something; in the loop's thread only."""
        self._lines.send(*message)

    def send(self, *message: Any) -> None:
        """The same from any thread."""
        self._loop.post(lambda: self.tell(*message))

    def ask(self, kind: str, *about: Any, timeout_s: float = 20) -> Any:
        """What it answers, once all that it was told before is done; TimeoutError where it has
        ended, or that takes too long (also on a computer that has much to do)."""
        with self.changed:
            self._asked += 1
            number = self._asked
            self.send(kind, number, *about)
            self.changed.wait_for(lambda: number in self._answers or self.gone, timeout_s)
            if number not in self._answers:
                raise TimeoutError
            return self._answers.pop(number)

    def said(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace").strip() if self._log.exists() else ""

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()
        self._loop.call(self._lines.close)
        self._end()

    def _told(self, message: Message) -> None:
        if message[0] == "answer":
            with self.changed:
                self._answers[message[1]] = message[2]
                self.changed.notify_all()
        else:
            self._received(message)

    def _ended(self) -> None:
        self._end()
        self._lost()

    def _end(self) -> None:
        with self.changed:
            self.gone = True
            self.changed.notify_all()


class Served:
    """The process itself: its event loop, and the connection to its parent."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.loop = EventLoop()
        self.world = Lines(self.loop, socket.socket(fileno=config["fd"]), self._told, self._end)

    def run(self) -> None:
        """Serves until the parent closes the connection."""
        self.loop.run()

    def _told(self, message: Message) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        self.loop.running = False


def serve(kind: Callable[[dict[str, Any]], Any]) -> None:
    """Be the process that the first argument (JSON) describes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    kind(json.loads(sys.argv[1])).run()
