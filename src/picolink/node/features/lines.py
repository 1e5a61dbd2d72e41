"""Lines of a peer's text, and which of them may be run (spec 8): for all that runs any."""

LINE = "\n"  # CR, LF and both
MYPY = False
if MYPY:
    from ..driver import Driver

WAITING = 8  # texts, while another is answered
_REFUSALS = 8
_UNSENT_BYTES = 2048
_CALM_MS = 10000
_ERROR = 0x21  # "!"


def may_run(line: bytes) -> bool:
    """Whether a line is wholly printable and no answer to an error."""
    # A board's `strip` would look through all that is printable for each byte.
    return not line or (line[0] != _ERROR and min(line) >= 0x20 and max(line) < 0x7F)


def say(driver: "Driver", text: bytes) -> None:
    """Says plain text, where no session has the link. A peer that does not read what it is told
    loses it."""
    link = driver.link
    if driver.port.attach is None:
        if link.rest and len(link.rest) + len(text) > _UNSENT_BYTES:
            link.rest = b""
            driver.lost("the peer does not read what it is told")
            return
        try:
            link.write(text)
        except Exception as error:  # nobody hears it
            driver.lost(str(error) or type(error).__name__)


class Patience:
    """Wrong lines are answered eight times in a row, until a right one, or none for 10 s, came:
    two that refuse each other's refusals (a login prompt, for one) fall silent."""

    def __init__(self) -> None:
        self.refused = 0
        self._at_ms = 0

    def is_out(self, now_ms: int) -> bool:
        """Whether wrong lines are not answered any more. They go on coming."""
        out = self.refused > _REFUSALS and now_ms - self._at_ms < _CALM_MS
        if out:
            self._at_ms = now_ms
        return out

    def lasts(self, now_ms: int) -> bool:
        """Whether one more wrong line is answered."""
        if now_ms - self._at_ms >= _CALM_MS:
            self.refused = 0
        self._at_ms = now_ms
        self.refused += 1
        return self.refused <= _REFUSALS


class Lines:
    """Cuts text into lines, in whatever pieces it comes. Holds no more than `max_bytes`."""

    def __init__(self, end: str = LINE, max_bytes: int = 256) -> None:
        self.max_bytes = max_bytes
        self._end = end.encode()
        self._held = b""

    def feed(self, text: bytes) -> list[bytes]:
        """The lines that `text` completes, without spaces around them and without empty ones.
        One that is too long begins with 0x00: it is not to be run."""
        text = self._held + text
        if self._end == b"\n":
            text = text.replace(b"\r", b"\n")
        lines = text.split(self._end)
        self._held = self._cut(lines.pop())
        return [self._cut(line) for line in [line.strip(b" ") for line in lines] if line]

    def skip(self, text: bytes, words: "list[bytes]") -> bool:
        """Takes text without a look at its lines, if none of `words` is in it."""
        text = self._held + text
        end = max(text.rfind(b"\n"), text.rfind(b"\r"))
        for word in words if end >= 0 else ():
            if word in text:
                return False
        self._held = self._cut(text[end + 1 :])
        return True

    def _cut(self, line: bytes) -> bytes:
        return line if len(line) <= self.max_bytes else b"\x00" + line[-self.max_bytes :]
