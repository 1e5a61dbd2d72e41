"""What a board prints, as the host learns of it."""

from __future__ import annotations

from collections.abc import Callable

LOG_BYTES = 65536


class Log:
    """What a board printed, where it runs; `tell("answer", number, text)` tells who asks."""

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
            self._tell("answer", number, text)
        else:
            self._awaited.append((number, what))


def rest_of_line(text: str, what: str) -> str | None:
    """What follows the first `what` in its line; None where that line has not come to its end."""
    _, found, after = text.partition(what)
    rest, end, _ = after.partition("\n")
    return rest.removesuffix("\r") if found and end else None
