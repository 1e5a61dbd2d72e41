"""Names what is at the other end of a serial port, from the bytes that it sent. Host only, no I/O.

The caller opens the port, keeps what comes at rest, sends its hello, and, where no frame answers,
`PROBE`. Both are harmless to whatever is there:

- The hello is a frame. It runs and stops nothing at a prompt (spec 2): a friendly prompt echoes
  its printable part, a raw one keeps it to itself. That difference tells them apart.
- `PROBE` is Ctrl-K, Ctrl-U and Ctrl-B. The first two throw the echoed bytes away (Ctrl-B acts
  only on an empty line), several times because the hello may have left an escape sequence begun.
  Ctrl-B shows the banner and a prompt, at a friendly and at a raw REPL alike. To a program they
  are characters without meaning (one that waits in `input()` gets an empty answer), and the text
  dialect of a node never runs a line that holds them.

Ctrl-C would tell more, but it stops the user's program, so it is never sent here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ...core.errors import CannotConnect
from ...core.frames import HEAD_BYTES, body_length
from ...core.textstream import decode_body

PROBE = b"\x0b\x0b\x0b\x15\x15\x02"
#: How long to wait for an answer to the hello, and then to the probe.
ANSWER_MS = 300

NODE = "node"
DEAF_NODE = "node that does not answer"
PROMPT = "prompt"
RAW_REPL = "raw REPL"
TRACEBACK = "traceback at start"
PROGRAM = "program without a node"
CIRCUITPYTHON = "CircuitPython"
SILENT = "silence"
UNREAD = "unread questions"
HELD = "held port"
BOOT_DRIVE = "boot drive"

#: kind -> that of an error which tells of it, in one word.
WORDS: dict[str, str] = {
    NODE: "node",
    DEAF_NODE: "deaf",
    PROMPT: "prompt",
    RAW_REPL: "raw_repl",
    TRACEBACK: "traceback",
    PROGRAM: "other_program",
    CIRCUITPYTHON: "circuitpython",
    SILENT: "silent",
    UNREAD: "unread",
    HELD: "port_busy",
    BOOT_DRIVE: "boot_drive",
}

#: kind -> (what is there, what to do). Braces take the details of `Found`.
SENTENCES: dict[str, tuple[str, str]] = {
    NODE: ("A picolink node answers.", "Nothing to do: connect to it."),
    DEAF_NODE: (
        "A picolink node is there, but does not answer: its program is likely busy in a command "
        "that blocks, or has ended.",
        "Wait and try again; mark a blocking command with @node.command(blocking_s=...), or "
        "restart the program with connect(..., start=True).",
    ),
    PROMPT: (
        "MicroPython's prompt (>>>) answers{version}: no program is running, because there is no "
        "main.py, or it ended, or Ctrl-C stopped it.",
        "Start main.py with connect(..., start=True), or press Ctrl-D at the prompt; `picolink "
        "install` brings picolink to a board that is new.",
    ),
    RAW_REPL: (
        "The board is in the raw REPL{version}: a tool such as mpremote or Thonny left it there, "
        "so no program is running.",
        "Start main.py with connect(..., start=True).",
    ),
    TRACEBACK: (
        "The board's program ended with an error: {error}.",
        "Correct it and copy the file again, then start it with connect(..., start=True). The "
        "whole traceback is in the log of this connection.",
    ),
    PROGRAM: (
        'A program is running that has no picolink node; it prints "{line}".',
        "If it is yours, let its main.py call node.run(...); if it should not run, press Ctrl-C "
        "in `mpremote connect {port}`.",
    ),
    CIRCUITPYTHON: (
        "The board runs {name}, not MicroPython.",
        "Install MicroPython for the Pico W: hold BOOTSEL while plugging in, then copy its .uf2 "
        "file from micropython.org/download/RPI_PICO_W onto the drive RPI-RP2.",
    ),
    SILENT: (
        "Nothing answers: a program is running that neither prints nor answers, most likely a "
        "loop without node.run() or node.poll(); or this is not a MicroPython board.",
        "Press Ctrl-C in `mpremote connect {port}` to see where it is; let the program call "
        "node.run(...), or node.poll() in its own loop.",
    ),
    UNREAD: (
        "The board does not read what it is asked ({count} bytes wait there): its program is busy, "
        "most likely a loop without node.run() or node.poll(). It is asked no more, so that Ctrl-C "
        "still gets in.",
        "Press Ctrl-C in `mpremote connect {port}`, or start main.py anew with connect(..., "
        "start=True); `picolink install` stops the program too. Or unplug the board and plug it in "
        "again.",
    ),
    HELD: (
        "The port is in use by {holder}.",
        "Close that program (in Thonny: Stop, then disconnect), then try again.",
    ),
    BOOT_DRIVE: (
        "A Pico is plugged in as the drive RPI-RP2, so it is waiting for firmware: BOOTSEL was "
        "held, or none is installed.",
        "Copy MicroPython's .uf2 file from micropython.org/download/RPI_PICO_W onto the drive; "
        "or unplug it and plug it in again without BOOTSEL.",
    ),
}

_BANNER = re.compile(r"MicroPython ([\w.+-]+) on ")
_CIRCUIT_VERSION = re.compile(r"Adafruit (CircuitPython [\w.+-]+)")
_CIRCUIT = re.compile(
    r"Adafruit CircuitPython|code\.py output:|Code done running|Auto-reload is (?:on|off)"
    r"|Press any key to enter the REPL"
)
_ERROR = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit))(: [^\r\n]*)?\r?$", re.M)
_PLACE = re.compile(r'File "([^"\r\n]+)", line (\d+)')
_SOFT_RESET = "MPY: soft reboot"  # what MicroPython prints then
_LISTENS = re.compile(r"^[^\r\n]+: listening on \S+\r?$", re.M)  # what a node prints
_PROMPT = re.compile(r"(?:^|[\r\n])>>> ?\Z")
_RAW_BANNER = re.compile(r"raw REPL; CTRL-B to exit\r?\n>\Z|OK[^\r\n]*\x04[^\x04]*\x04>\Z", re.S)
#: A run of what we sent that comes back is an echo; shorter ones happen by chance.
_ECHO_CHARACTERS = 4


class Found(NamedTuple):
    """What is at a port: its kind, a sentence that says it, and one that says what to do."""

    kind: str
    what: str
    advice: str

    @property
    def final(self) -> bool:
        """Whether waiting can't change it: no program runs there that might still answer."""
        return self.kind in (PROMPT, RAW_REPL, TRACEBACK, CIRCUITPYTHON)

    def __str__(self) -> str:
        return f"{self.what} {self.advice}"

    def error(self, where: str) -> CannotConnect:
        """The error that tells of it, for the address `where`."""
        return CannotConnect(
            f"{where}: {self.what}", kind=WORDS[self.kind], advice=self.advice, joint=" "
        )


def found(kind: str, **details: str) -> Found:
    """The `Found` of a kind, for what the system rather than the bytes told: `HELD`, `BOOT_DRIVE`.

    `HELD` wants ``holder="mpremote (process 4711)"``.
    """
    what, advice = SENTENCES[kind]
    details.setdefault("port", "PORT")
    return Found(kind, what.format(**details), advice.format(**details))


def unread(told: Found, count: int, port: str) -> Found:
    """What is there where `told` may be so only because nothing more was asked."""
    if told.kind in (SILENT, PROGRAM, DEAF_NODE):
        return found(UNREAD, count=str(count), port=port)
    return told


def identify(
    rest: bytes, after_hello: bytes, after_probe: bytes, *, hello: bytes = b"", port: str = "PORT"
) -> Found:
    """What is there, told by the bytes that came at rest, after the hello, and after `PROBE`.

    `hello` is the frame that was sent, by which an echo is known; `port` goes into the advice.
    """
    if has_frame(after_hello) or has_frame(after_probe):
        return found(NODE)
    text = (rest + after_hello + after_probe).decode("utf-8", "replace")
    if _CIRCUIT.search(text):
        versions = _CIRCUIT_VERSION.findall(text) or ["CircuitPython"]
        return found(CIRCUITPYTHON, name=versions[-1])
    answer = after_probe.decode("utf-8", "replace")
    at_rest = (rest + after_hello).decode("utf-8", "replace")
    if _PROMPT.search(answer) or (not answer and _PROMPT.search(at_rest)):
        return _prompt(rest, after_hello, text, hello)
    if not answer and _RAW_BANNER.search(at_rest):
        return found(RAW_REPL, version=_version(text))
    if has_frame(rest):
        return found(DEAF_NODE)
    printed = text.rpartition(_SOFT_RESET)[2]
    if _LISTENS.search(printed):
        return found(DEAF_NODE)
    line = _last_line(printed)
    if line:
        return found(PROGRAM, line=line, port=port)
    return found(SILENT, port=port)


def has_frame(data: bytes) -> bool:
    """Whether a whole frame with a right CRC is among `data`."""
    start = data.find(b"\x00")
    while start >= 0 and start + HEAD_BYTES <= len(data):
        length = body_length(data[start + 1], data[start + 2])
        end = start + HEAD_BYTES + length
        if length > 0 and end <= len(data) and decode_body(data, start + HEAD_BYTES, end):
            return True
        start = data.find(b"\x00", start + 1)
    return False


def _prompt(rest: bytes, after_hello: bytes, text: str, hello: bytes) -> Found:
    # A traceback counts only where it led to this prompt: with a program started after it, it
    # would be further from the end than the banner of that boot.
    before = rest.decode("utf-8", "replace")
    error = traceback_of(before)
    if error:
        return found(TRACEBACK, error=error)
    kind = RAW_REPL if hello and not _echoes(hello, after_hello) else PROMPT
    if _RAW_BANNER.search(before):
        kind = RAW_REPL
    elif _PROMPT.search(before):
        kind = PROMPT
    return found(kind, version=_version(text))


def traceback_of(text: str) -> str | None:
    """The error that ended a program, with its place, where `text` tells of one; else None.

    The beginning of the traceback may be missing: a board keeps its last 313 bytes only.
    """
    errors = [m for m in _ERROR.finditer(text) if not m[1].endswith("KeyboardInterrupt")]
    if not errors:
        return None
    last = errors[-1]
    after = text[last.end() :].replace("\r", "").strip("\n")
    if after and not after.startswith(("MicroPython ", ">>>", _SOFT_RESET)):
        return None  # the program went on: it had caught, and printed, the error
    places = _PLACE.findall(text[: last.start()])
    where = f", in {places[-1][0]} line {places[-1][1]}" if places else ""
    return f"{last[1]}{last[2] or ''}{where}"


def version_of(text: str) -> str:
    """The version in the last banner of MicroPython that `text` shows, or ""."""
    banners: list[str] = _BANNER.findall(text)
    return banners[-1] if banners else ""


def _version(text: str) -> str:
    version = version_of(text)
    return f" (MicroPython {version})" if version else ""


def _echoes(sent: bytes, received: bytes) -> bool:
    for run in re.findall(rb"[ -~]{%d,}" % _ECHO_CHARACTERS, sent):
        for start in range(len(run) - _ECHO_CHARACTERS + 1):
            if run[start : start + _ECHO_CHARACTERS] in received:
                return True
    return False


def _last_line(text: str) -> str:
    """The last line that shows something, at most 60 characters of it."""
    for line in reversed(re.split(r"[\r\n]+", text)):
        shown = "".join(c for c in line if c.isprintable() and c != "\ufffd").strip()
        if shown:
            return shown if len(shown) <= 60 else shown[:57] + "..."
    return ""
