"""What a board prints, as the host learns of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

LOG_BYTES = 65536


class Log:
    """What a board printed, where it runs; `tell("log", number, text)` answers `Printed`."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self.printed = b""
        self._awaited: list[tuple[int, str]] = []  # questions for what it has not printed yet

    def add(self, data: bytes) -> None:
        """It printed this."""
        self.printed = (self.printed + data)[-LOG_BYTES:]
        if self._awaited and b"\n" in data:
            questions, self._awaited = self._awaited, []
            for question in questions:
                self.ask(*question)

    def ask(self, number: int, what: str) -> None:
        """Answers, at once or when it has printed a line with `what` in it."""
        text = self.printed.decode(errors="replace")
        if not what or rest_of_line(text, what) is not None:
            self._tell("log", number, text)
        else:
            self._awaited.append((number, what))


class Printed:
    """The last 64 kB of it, asked for from the board's supervisor, which answers in order: when
    an answer is here, all that was asked before is done."""

    def __init__(
        self, changed: threading.Condition, ask: Callable[..., None], alive: Callable[[], bool]
    ) -> None:
        self._changed = changed
        self._ask = ask
        self._alive = alive
        self._asked = 0
        self._answered = 0
        self._text = ""

    def received(self, number: int, text: str) -> None:
        """An answer of the supervisor."""
        with self._changed:
            self._answered = max(self._answered, number)
            self._text = text
            self._changed.notify_all()

    def text(self, timeout_s: float = 20) -> str:
        """All that it has printed by now."""
        with self._changed:
            number = self._next("")
            self._changed.wait_for(lambda: self._answered >= number or not self._alive(), timeout_s)
            return self._text

    def line(self, what: str, timeout_s: float) -> str | None:
        """Waits for a line with `what` in it, returns what follows it there; None: none came."""
        with self._changed:
            number = self._next(what)

            def found() -> str | None:  # not in what was told before: it may have been reset since
                return rest_of_line(self._text, what) if self._answered >= number else None

            self._changed.wait_for(lambda: found() is not None or not self._alive(), timeout_s)
            return found()

    def _next(self, what: str) -> int:
        self._asked += 1
        self._ask("log", self._asked, what)
        return self._asked


def rest_of_line(text: str, what: str) -> str | None:
    """What follows the first `what` in its line; None where that line has not come to its end."""
    _, found, after = text.partition(what)
    rest, end, _ = after.partition("\n")
    return rest.removesuffix("\r") if found and end else None
