"""Typed lines (spec 8): commands by hand, from a terminal or a script without picolink."""

from ...core.errors import Busy, UnknownCommand
from ...core.packets import RAW
from ...core.values import decode, encode
from ..invoke import NONE, call, guarded, passes
from ..traceback import called_wrongly, format_traceback, kind_of, kind_once_begun, message_of
from .lines import WAITING, Lines, Patience, may_run, say

MYPY = False
if MYPY:
    from typing import Any

    from ..command import Command
    from ..driver import Driver
_FLOOD_BYTES = 512  # at once: nobody types that


class Typed:
    """Runs the lines that come on a link where no session is attached. A line that is not
    wholly printable, or that begins with `!`, is never run."""

    def __init__(self, driver: "Driver") -> None:
        self.driver = driver
        self._lines = Lines()
        self._patience = Patience()
        self._busy = False  # a command is answering
        self._waiting: list[bytes] = []

    def feed(self, text: bytes) -> None:
        """Takes text as it comes; CR, LF and both end a line."""
        if len(text) >= _FLOOD_BYTES and not self._busy and self._is_flood(text):
            return
        for line in self._lines.feed(text):
            if not may_run(line):
                continue
            if not self._busy:
                self._run(line)
            elif len(self._waiting) < WAITING:
                self._waiting.append(line)
            else:
                self._refuse(Busy("%d lines wait already" % WAITING))

    def _is_flood(self, text: bytes) -> bool:
        """Whether it is garbage, or more wrong lines than are answered, and no command in it: to
        look at each of its lines would cost a board more than to read it."""
        node = self.driver.node
        if b"\x00" in text or self._patience.is_out(node.now_ms()):
            return self._lines.skip(text, [name.encode() for name in node.commands])
        return False

    def sent(self) -> None:
        """What was said is sent."""

    def _run(self, line: bytes) -> None:
        end = line.find(b" ")  # most of a flood is no command: it is not cut into words
        name = str(line[:end] if end > 0 else line, "utf-8")
        node = self.driver.node
        command = node.commands.get(name)
        if command is None:
            if self._patience.lasts(node.now_ms()):  # of a flood, few lines cost more than a look
                known = " ".join(node.commands)
                self._tell(UnknownCommand("%s; there are: %s" % (name, known)))
            return
        try:
            args = [_value(word) for word in line.split(b" ")[1:] if word]
            if command.check is not None:
                command.check(args, {})
        except Exception as error:
            self._refuse(error)
            return
        self._busy = True
        call(node, command.function, args, NONE, self._ended, command, not command.stream)

    def _ended(self, command: "Command", value: "Any", error: BaseException | None) -> None:
        """Answers with what the command has returned, or raised; then runs the next line."""
        self._busy = False
        try:
            if error is None:
                for item in value if command.stream else (value,):
                    self._answer(item)
        except BaseException as problem:  # of the stream's generator, or what can't be said
            if passes(problem):
                raise
            error = problem
        if error is not None:
            self._refuse(error, True)
        while self._waiting and not self._busy:
            self._run(self._waiting.pop(0))

    def _answer(self, value: "Any") -> None:
        self._patience.refused = 0
        if value is None:
            text = b"ok"
        elif isinstance(value, str) and "\n" not in value and "\r" not in value:
            text = value.encode()
        else:  # a text of several lines too: as JSON it is one
            flag, text = encode(value)
            if flag == RAW:
                text = b"! bytes can't be typed"
        self._write(text)

    def _refuse(self, error: BaseException, begun: bool = False) -> None:
        if self._patience.lasts(self.driver.node.now_ms()):
            self._tell(error, begun)

    def _tell(self, error: BaseException, begun: bool = False) -> None:
        kind = kind_of(error)
        if begun:
            text = format_traceback(error)
            if not called_wrongly(error, text):
                kind = kind_once_begun(kind)
                node = self.driver.node
                if node.on_error is not None:  # a traceback would be part of the answer
                    guarded(node, node.on_error, error)
        self._write(("! %s: %s" % (kind, message_of(error))).encode())

    def _write(self, text: bytes) -> None:
        say(self.driver, text + b"\r\n")


def _value(word: bytes) -> "Any":
    try:
        return decode(0, word)
    except ValueError:
        return str(word, "utf-8")
