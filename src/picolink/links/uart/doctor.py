"""Examines a UART: the port, the wires, the baud rate, who is at the other end. Host only.

What two wires and a ground can do wrong is told apart by what comes back: nothing (crossed wires,
no ground), bytes without sense (the baud rate: the usual ones are tried), our own bytes (TX and RX
touch), a login prompt, or answers of which some are missing or damaged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ...core.errors import BadAddress
from ..host.diagnosis import Step, bad, good, of_node
from ..host.probe import Greeting
from ..usb.doctor import opened
from ..usb.identify import ANSWER_MS, PROBE, PROMPT, RAW_REPL, TRACEBACK, identify
from ..usb.serial_port import speeds
from .listening import Listening

CMDLINE = Path("/proc/cmdline")
HEADER = Path("/dev/serial0")  # the UART on a Raspberry Pi's pin header
USUAL_BAUDS = (115200, 9600, 921600, 460800, 230400, 57600, 38400, 19200)
_REST_MS = 200
_ASK_MS = 1500
_TRY_MS = 500  # at another baud rate
_HELLOS = 40  # to see how many are answered; fewer where they take longer than _COUNT_MS
_COUNT_MS = 4000
_HELLO_BYTES = 110
_LATE_MS = 100  # beyond the time that the bytes take
_ATTEMPT = "a picolink node answers"

_RASPI_CONFIG = (
    "sudo raspi-config, Interface Options, Serial Port: login shell no, serial port hardware yes; "
    "then reboot"
)
_COMPLAINT = re.compile(rb"UnknownCommand: |; there are: ")  # a node's, of a line that was typed
#: Of the answer to a hello: how it begins, or its zeros, stuffed.
_PIECE = re.compile(rb"\x00[\x80-\x8f][\x80-\xff]\x48|(?:\x1b ){2}")
_LOGIN = re.compile(rb"(?:login|Password): ?\Z|Login incorrect")
_SENSE = bytes(range(0x20, 0x7F)) + b"\t\r\n"


def around() -> list[str]:
    """A Raspberry Pi's own UART. What hangs at other ports can't be known: they are left alone."""
    return [f"uart:{HEADER}"] if HEADER.exists() else []


def examine(where: str, options: dict[str, str]) -> Iterator[Step]:
    """Looks at the port, then at what answers on its wires."""
    if not where or where.isdigit():
        raise BadAddress(
            f"uart:{where} is a board's; on this computer say which port: uart:{HEADER}"
        )
    baud = _baud_of(options)
    if not os.path.exists(where):
        yield _no_port(where)
        return
    yield good(f"the port {where} is there")
    console = _console(where)
    if console:
        yield console
        return
    fd = yield from opened(where)
    if fd is None:
        return
    wire = Listening(fd, where, baud)
    try:
        yield from _listen(wire, where, baud)
    finally:
        wire.close()


def _baud_of(options: dict[str, str]) -> int:
    text = options.get("baud") or "115200"
    if not text.isdigit() or int(text) not in speeds():
        raise BadAddress(f"baud={text}: this computer's ports can't do that; 115200 is usual")
    return int(text)


# The port


def _no_port(where: str) -> Step:
    what = f"the port {where} is there"
    if re.fullmatch(r"/dev/(serial\d|tty(AMA|S)\d+)", where):
        return bad(
            what, "no port", f"There is no {where}: on a Raspberry Pi its UART is turned off.",
            f"On the Raspberry Pi: {_RASPI_CONFIG}. The port is then called {HEADER}.",
        )  # fmt: skip
    return bad(
        what, "no port", f"There is no {where}: it is mistyped, or the adapter is unplugged.",
        "`ls /dev/serial* /dev/tty*` shows the ports; plug the adapter out and in again.",
    )  # fmt: skip


def _console(where: str) -> Step | None:
    """A failed step where this computer's own console is on the port."""
    names = {os.path.basename(path) for path in (where, os.path.realpath(where))}
    try:
        words = CMDLINE.read_text().split()
    except OSError:
        return None
    consoles = {
        word.removeprefix("console=").partition(",")[0]
        for word in words
        if word.startswith("console=")
    }
    if not names & consoles:
        return None
    return bad(
        "no login shell is on the port", "login shell here",
        f"This computer offers a login on {where} (its kernel was started with console=...): it "
        "takes away what the board says, and types at it.",
        f"Turn it off: {_RASPI_CONFIG}.",
    )  # fmt: skip


# The wires


def _listen(wire: Listening, where: str, baud: int) -> Iterator[Step]:
    wire.tune(baud)
    greeting = Greeting(wire)
    greeting.wait(_REST_MS)
    at_rest = wire.heard
    if greeting.ask(_ASK_MS):
        yield from _answered(wire, greeting)
        return
    if greeting.lost:
        yield bad(
            _ATTEMPT, "port lost", f"The port {where} went away: {greeting.lost}.",
            "Plug the adapter in again; look at its cable.",
        )  # fmt: skip
        return
    if greeting.echoed and not at_rest:
        yield _own_echo()
        return
    heard = wire.heard
    # Ctrl-U empties the line that our hello has begun; then a login shows its prompt again.
    wire.write(PROBE + b"\r")
    greeting.wait(ANSWER_MS + wire.time_ms(200))
    if _COMPLAINT.search(wire.heard):
        yield _login_here()
        return
    if wire.heard and _makes_sense(wire.heard):
        yield _somebody_else(wire, heard, where)
        return
    heard = wire.heard
    if _PIECE.search(heard) and not greeting.echoed:
        yield _pieces()
        return
    other = _other_baud(wire, baud)
    if other:
        yield other
    elif heard:
        yield _garbage(heard, baud)
    else:
        yield _silence(baud)


def _answered(wire: Listening, greeting: Greeting) -> Iterator[Step]:
    """A node is there: how good are the wires?"""
    if greeting.refusal:
        yield of_node(greeting)
        return
    said = min(_HELLOS, max(8, _COUNT_MS // (1 + wire.time_ms(2 * _HELLO_BYTES))))
    got = greeting.count_answers(said, wire.time_ms(4 * _HELLO_BYTES) + _LATE_MS)
    damaged = wire.damaged
    if _COMPLAINT.search(wire.text) or _LOGIN.search(wire.text):
        yield _login_here()
        return
    if got < said and (damaged or got < said // 2):
        yield bad(
            "the wires carry every byte", "noisy line",
            f"{got} of {said} hellos were answered, and {damaged} answers came damaged: noise "
            "flips bits, bytes are lost, or the two sides' baud rates differ by some per cent.",
            "Shorter wires, ground beside them; a lower baud rate on both sides; no wires of "
            "motors or lamps beside them. Calls are done all the same, but more slowly.",
        )  # fmt: skip
        return
    if got < said:
        yield bad(
            "the wires carry every byte", "interrupted line",
            f"{got} of {said} hellos were answered, and no answer came damaged: the line is "
            "interrupted now and then. A plug or wire is loose, or the board is busy for longer "
            "than its buffer lasts (commands that block, writing files).",
            "Press the plugs home, move the wires while looking again. Mark blocking commands with "
            "@node.command(blocking_s=...).",
        )  # fmt: skip
        return
    yield good(f"the wires carry every byte: {got} of {said} hellos were answered")
    if greeting.echoed:
        yield good(
            "our own bytes come back as well", "own echo",
            "TX and RX touch, or the cable has one wire for both: picolink bears that",
        )  # fmt: skip
    yield of_node(greeting)


def _login_here() -> Step:
    return bad(
        "nobody else types at the board", "login shell here",
        "Somebody else types at the board through this port, and takes away what it answers: it "
        "complains of lines that we did not send. Most likely a login shell of this computer is on "
        "the port.",
        f"Turn it off: {_RASPI_CONFIG}.",
    )  # fmt: skip


def _pieces() -> Step:
    return bad(
        _ATTEMPT, "noisy line",
        "A node answers, but not one of its answers came whole: the line is very noisy, or another "
        "program (a login shell of this computer, most likely) takes away part of what comes.",
        f"On a Raspberry Pi: {_RASPI_CONFIG}. Else shorter wires, ground beside them, and a lower "
        "baud rate on both sides.",
    )  # fmt: skip


def _own_echo() -> Step:
    return bad(
        _ATTEMPT, "own echo",
        "Our own bytes come back, and nothing else: TX and RX of this computer touch, or are "
        "joined by a wire; or both hang at the same pin of the board.",
        "Look at the two wires: this side's TX to the board's RX (GP1), this side's RX to the "
        "board's TX (GP0), ground to ground.",
    )  # fmt: skip


def _silence(baud: int) -> Step:
    return bad(
        _ATTEMPT, "silence",
        "Nothing comes back, at any usual baud rate. In the order of likelihood: TX and RX are "
        "swapped (each side's TX must go to the other's RX); ground is not connected, or a wire is "
        "loose; the board is off, or its program does not run with this UART. From this end they "
        "can't be told apart.",
        "Swap the two data wires and look again. Check that GND goes to GND: a Pico's pins 1 (GP0, "
        "TX), 2 (GP1, RX) and 3 (GND) go to a Raspberry Pi's 10, 8 and 6. Look at the board over "
        'USB: its program says "listening on uart:0" when it starts. '
        f"It must use {baud} baud too.",
    )  # fmt: skip


def _garbage(heard: bytes, baud: int) -> Step:
    return bad(
        _ATTEMPT, "garbage",
        f"{len(heard)} bytes came that make no sense ({heard[:8].hex(' ')} ...), and none of the "
        f"usual baud rates makes any of them: the other side uses another rate than {baud}, or "
        "other than 8 data bits without parity; or ground is not connected.",
        "Find the rate in the program at the other side, and say it: "
        "uart:PORT?baud=... Check that GND goes to GND.",
    )  # fmt: skip


def _makes_sense(heard: bytes) -> bool:
    """Whether bytes look like text: at a wrong baud rate hardly a third of them do."""
    return len(heard.translate(None, _SENSE)) <= len(heard) // 10


def _other_baud(wire: Listening, baud: int) -> Step | None:
    """The step for the usual baud rate at which a node answers or sense comes, if there is one."""
    for other in USUAL_BAUDS:
        if other == baud or other not in speeds():
            continue
        wire.tune(other)
        greeting = Greeting(wire)
        answers = greeting.ask(_TRY_MS + wire.time_ms(600))
        if not answers and not (len(wire.heard) >= 8 and _makes_sense(wire.heard)):
            continue
        if greeting.echoed and not answers:
            continue
        who = f"the node {greeting.name} answers" if answers else "what comes can be read"
        return bad(
            f"both sides use {baud} baud", "wrong baud",
            f"At {other} baud {who}, at {baud} it is garbage or nothing.",
            f"Say it in the address, uart:PORT?baud={other}, or set baud={baud} in the program at "
            "the other side.",
        )  # fmt: skip
    return None


def _somebody_else(wire: Listening, before: bytes, where: str) -> Step:
    """Text came, but no node answered. `before`: what came before the probe."""
    if _LOGIN.search(wire.heard):
        return bad(
            _ATTEMPT, "login prompt",
            "A login prompt is at the other end: a computer, most likely a Raspberry Pi whose "
            "serial console is on, and no board.",
            f"On that Raspberry Pi: {_RASPI_CONFIG}. To reach a board, its TX and RX must go to "
            "this computer.",
        )  # fmt: skip
    found = identify(before, before, wire.heard[len(before) :], hello=wire.last, port=where)
    if found.kind in (PROMPT, RAW_REPL, TRACEBACK):
        return bad(_ATTEMPT, found.kind, found.what, found.advice)
    lines = wire.heard.splitlines(keepends=True)
    lines.sort(key=lambda s: s.endswith((b"\r", b"\n")))  # a whole one, if there is any: the last
    texts = (s.rstrip(b"\r\n") for s in reversed(lines))
    line = next((s for s in texts if s.strip(_SENSE) != s), b"")
    shown = line.decode("ascii", "replace").strip()[:60]
    return bad(
        _ATTEMPT, "program without a node",
        f'The wires and the baud rate are right, but what answers is no picolink node: "{shown}".',
        'If it is your board, let its program call node.run("uart:0"); plain text is spoken with '
        "any terminal program.",
    )  # fmt: skip
