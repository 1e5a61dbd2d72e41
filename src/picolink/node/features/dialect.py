"""Text dialects (`Node.text`): what peers without picolink say on a link, and what they are told.

A dialect takes the place of typed lines on its link. The rules for those hold (spec 8): only
printable text is run, only where no session is attached, and no text that begins with `!`. What a
peer says wrong goes to the board's log; it is answered only where the dialect says so, and not
for ever: two nodes, or a node and its own echo, can't keep each other talking.
"""

import os

from ...core.errors import BadArguments, UsageError
from ...core.failure import LinkError
from ...core.packets import RAW
from ...core.values import encode
from ..invoke import NONE, call
from .lines import LINE, WAITING, Lines, Patience, may_run, say

MYPY = False
if MYPY:
    from typing import Any

    from ..driver import Driver
    from ..node import Node

    # the function, and what follows its result; None: nothing is answered
    Word = tuple[Any, str | None]

_MAX_BYTES = 512  # of a text
_ECHO_MS = 100  # after which a word, where it can be an echo, is one again
_TOLD = 5  # lines on the log within _TOLD_MS
_TOLD_MS = 5000


class Dialect:
    """What was declared for one link."""

    def __init__(self, node: "Node", link: str) -> None:
        self.node = node
        self.link = link
        self.words: dict[str | None, Word] = {}
        self.end: str | None = LINE
        self.unknown: str | None = None
        self.close = False
        self.quiet_ms = 0
        self._told = 0
        self._told_ms = 0

    def settle(self, name: str, value: "Any", default: "Any") -> None:
        """What holds for all words of the link is said at one of them."""
        if value == default:
            return
        old = getattr(self, name)
        if old != default and old != value:
            raise UsageError(
                "%s=%r for text on %s, and %r before: it holds for the whole link, say it once"
                % (name, value, self.link, old)
            )
        setattr(self, name, value)

    def fits(self, address: str) -> bool:
        """Whether `link` means this address: the same, without its options, or its scheme."""
        rest = address[len(self.link) :]
        return address.startswith(self.link) and (not (self.link and rest) or rest[0] in "?:")

    def tell(self, line: str, error: "Any" = None) -> None:
        """A line for the log, and where an error came about; of many only the first ones."""
        now_ms = self.node.now_ms()
        if now_ms - self._told_ms >= _TOLD_MS:
            self._told_ms = now_ms
            self._told = 0
        self._told += 1
        if self._told > _TOLD:
            return
        if self._told == _TOLD:
            line += " (more like it are not shown for %d s)" % (_TOLD_MS // 1000)
        line = "%s: %s" % (self.node.name, line)
        print(line)
        if error is not None:
            self.node.report(error)
        if not hasattr(os, "dupterm"):  # a board's console goes to sys.log by itself
            self.node.publish("sys.log", line)


def declare(
    node: "Node", function: "Any", word: str | None, link: str, end: str | None,
    reply: str | None, unknown: str | None, close: bool, quiet_ms: int,
) -> "Any":  # fmt: skip
    """Has `function` answer `word` (None: whatever comes) on `link`."""
    if end == "":
        raise UsageError('end="": say what ends a text, or None where nothing does')
    if word is not None and not (word and may_run(word.encode())):
        raise UsageError("%r can't be typed: printable ASCII that does not begin with !" % word)
    if node.texts is None:
        node.texts = {}
        node.on_start.append(lambda: unheard(node))
    link = link.split("?")[0]  # as links name themselves
    dialect = node.texts.setdefault(link, Dialect(node, link))
    dialect.settle("end", end, LINE)
    dialect.settle("unknown", unknown, None)
    dialect.settle("close", close, False)
    dialect.settle("quiet_ms", quiet_ms, 0)
    if word in dialect.words:
        raise UsageError("two functions for the text %r on %s" % (word, link or "all links"))
    dialect.words[word] = (function, reply)
    return function


def hearer(driver: "Driver") -> "Any":
    """What takes the text of a driver's link: its dialect, or typed lines."""
    best = None
    for dialect in (driver.node.texts or {}).values():
        if dialect.fits(driver.opened):
            if best is None or len(dialect.link) > len(best.link):
                best = dialect
    if best is None:
        from .typed import Typed

        return Typed(driver)
    return Conversation(driver, best)


def unheard(node: "Node") -> None:
    """Says which dialects are on links that the node has not opened."""
    addresses = [driver.opened for driver in node.drivers]
    addresses += [listener.address for listener, _ in node.listeners]
    for dialect in (node.texts or {}).values():
        if not any(dialect.fits(address) for address in addresses):
            print("%s: no text on %s: that link is not open" % (node.name, dialect.link))


class Conversation:
    """A dialect on one open link: halves, joined texts, answers in the order of the texts."""

    def __init__(self, driver: "Driver", dialect: Dialect) -> None:
        self.driver = driver
        self.dialect = dialect
        self.closing = False  # once all is sent
        self._lines = Lines(dialect.end, _MAX_BYTES) if dialect.end is not None else None
        self._held = b""  # of a text that silence ends
        self._heard_ms = 0
        self._waiting: list[bytes] = []
        self._busy = False  # a function is answering
        self._hearing = False  # in the receive path
        self._patience = Patience()
        self._said: list[bytes] = []  # the lines of our last answer
        self._said_ms = 0

    def feed(self, text: bytes) -> None:
        """Takes text as it comes."""
        if self._lines is not None:
            for line in self._lines.feed(text):
                self._hear(line)
        elif self.dialect.quiet_ms:
            self._gather(text)
        else:
            self._hear_pieces(text)

    def _hear_pieces(self, text: bytes) -> None:
        for at in range(0, len(text), _MAX_BYTES):
            piece = text[at : at + _MAX_BYTES].strip(b" \t\r\n")
            if piece:
                self._hear(piece)

    def _gather(self, text: bytes) -> None:
        """Keeps text until it pauses."""
        if not self._held:
            self.driver.node.spawn(self._pause())
        self._heard_ms = self.driver.node.now_ms()
        self._held += text
        while len(self._held) > _MAX_BYTES:
            self._hear_pieces(self._held[:_MAX_BYTES])
            self._held = self._held[_MAX_BYTES:]

    async def _pause(self) -> None:
        import asyncio

        node = self.driver.node
        while self._held:
            left_ms = self._heard_ms + self.dialect.quiet_ms - node.now_ms()
            if left_ms <= 0:
                held, self._held = self._held, b""
                self._guarded(self._hear_pieces, held)
                break
            await asyncio.sleep(left_ms / 1000)

    def _hear(self, text: bytes) -> None:
        if self.closing or text[:1] == b"!":
            return
        if self._busy:
            if len(self._waiting) < WAITING:
                self._waiting.append(text)
            else:
                self.dialect.tell("%r on %s came too soon" % (text[:40], self._where()))
            return
        plain = text
        if self.dialect.end is None:
            plain = text.replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\t", b" ")
        if not may_run(plain):
            self.dialect.tell("%r on %s is no text" % (text[:40], self._where()))
            self._say(b"")
            return
        said = str(text, "utf-8")
        words = self.dialect.words
        if text in self._said and (said not in words or self._may_be_echo()):
            return
        args: tuple[str, ...] = ()
        if said in words:
            function, reply = words[said]
        elif None in words:
            function, reply = words[None]
            args = (said,)
        else:
            known = ", ".join([word for word in words if word])
            self._refuse(said, "is unknown; known are: " + known)
            return
        self._busy = True
        self._hearing = True
        call(self.driver.node, function, args, NONE, self._ended, (said, reply))
        self._hearing = False

    def _may_be_echo(self) -> bool:
        """Whether what we just said may have come back: on a wire."""
        driver = self.driver
        return not driver.link.reliable and driver.node.now_ms() - self._said_ms < _ECHO_MS

    def _ended(self, what: "Any", value: "Any", error: BaseException | None) -> None:
        """Says what a word's function has returned, or that it failed."""
        said, reply = what
        self._busy = False
        if error is not None:
            self._guarded(self._refuse, said, "failed", error)
        else:
            self._guarded(self._answer, said, value, reply)
        while self._waiting and not self._busy:
            self._guarded(self._hear, self._waiting.pop(0))

    def _guarded(self, method: "Any", *args: "Any") -> None:
        """Does what may write. Outside the receive path, what was written is sent."""
        driver = self.driver
        if driver in driver.node.drivers:
            try:
                method(*args)
            except (OSError, LinkError) as error:  # of the link: functions let nothing out
                driver.lost(str(error))
            else:
                if not self._hearing:
                    driver.drain()

    def _answer(self, said: str, value: "Any", reply: str | None) -> None:
        self._patience.refused = 0
        text = b""
        if value is not None and reply is not None:
            if isinstance(value, str):
                text = value.encode()
            elif isinstance(value, (bytes, bytearray)):
                text = bytes(value)
            else:
                try:
                    flag, text = encode(value)
                    if flag == RAW:
                        raise BadArguments("bytes among other values can't be said")
                except BadArguments as error:
                    self._refuse(said, "has no answer: %s" % error)
                    return
            text += reply.encode()
        self._say(text)

    def _refuse(self, said: str, why: str, error: "Any" = None) -> None:
        """What came was wrong, or its function raised."""
        shown = said if len(said) <= 40 else said[:37] + "..."
        self.dialect.tell('"%s" on %s %s' % (shown, self._where(), why), error)
        unknown = self.dialect.unknown
        lasts = self._patience.lasts(self.driver.node.now_ms())
        self._say(unknown.encode() if unknown and lasts else b"")

    def _say(self, said: bytes) -> None:
        driver = self.driver
        if said and driver.port.attach is None:
            lines = said[:_MAX_BYTES].replace(b"\r", b"\n").split(b"\n")
            self._said = [line.strip(b" ") for line in lines]
            self._said_ms = driver.node.now_ms()
            say(driver, said)
            if driver not in driver.node.drivers:
                self.closing = True
                return
        if self.dialect.close:
            self.closing = True
            self.sent()

    def sent(self) -> None:
        """All is sent, it may be: closes the link where that is due."""
        if self.closing and not self.driver.link.unsent:
            self.driver.lost("closed after its text")

    def _where(self) -> str:
        return self.driver.link.address
