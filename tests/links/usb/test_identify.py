"""What is at a port: each kind from text as boards print it."""

from __future__ import annotations

import pytest

from picolink.core.textstream import PROMPT, encode
from picolink.links.usb import identify as r
from picolink.links.usb.identify import Found, found, identify, traceback_of

HELLO = encode(b"\x01\x90hello-from-laptop\x00\x07\x0d", PROMPT)
ANSWER = encode(b"\x02\x91greenhouse")
BANNER = (
    b"\r\nMicroPython v1.28.0 on 2026-03-20; Raspberry Pi Pico W with RP2040\r\n"
    b'Type "help()" for more information.\r\n>>> '
)
ECHO = b"\x80hello-from-laptop"
TRACEBACK = (
    b"Traceback (most recent call last):\r\n"
    b'  File "main.py", line 12, in <module>\r\n'
    b'  File "sensor.py", line 4, in read\r\n'
    b"OSError: [Errno 5] EIO\r\n"
)
CIRCUIT_DONE = (
    b"\r\nCode done running.\r\n\r\nPress any key to enter the REPL. Use CTRL-D to reload.\r\n"
)
CIRCUIT_BANNER = (
    b"\r\nAdafruit CircuitPython 9.2.4 on 2026-01-29; Raspberry Pi Pico W with rp2040\r\n>>> "
)

REBOOT = b"MPY: soft reboot\r\n"
LISTENS = b"shed: listening on usb:\r\n"

#: what it shows, kind, at rest, after the hello, after the probe, words of the sentence
TABLE: list[tuple[str, str, bytes, bytes, bytes, str]] = [
    ("node", r.NODE, b"", ANSWER, b"", "node answers"),
    ("node that prints", r.NODE, b"21.5\r\n", b"21.6\r\n" + ANSWER + b"x", b"", "node answers"),
    ("node that was slow", r.NODE, b"", b"", b"t=3\r\n" + ANSWER, "node answers"),
    ("stale frames only", r.DEAF_NODE, b"x\r\n" + ANSWER, b"", b"", "does not answer"),
    ("prompt", r.PROMPT, b"", ECHO, BANNER, "MicroPython v1.28.0"),
    ("prompt seen at rest", r.PROMPT, BANNER, ECHO, BANNER, "no program is running"),
    ("prompt without a probe", r.PROMPT, BANNER, b"", b"", "no program is running"),
    ("raw REPL", r.RAW_REPL, b"", b"", BANNER, "raw REPL"),
    ("raw at rest", r.RAW_REPL, b"raw REPL; CTRL-B to exit\r\n>", b"", b"", "mpremote or Thonny"),
    ("raw after exec", r.RAW_REPL, b"OK12\r\n\x04\x04>", b"", BANNER, "raw REPL"),
    ("traceback", r.TRACEBACK, TRACEBACK + BANNER, ECHO, BANNER, "EIO, in sensor.py line 4"),
    ("cut traceback", r.TRACEBACK, TRACEBACK[60:] + BANNER, ECHO, BANNER, "OSError: [Errno 5]"),
    ("program", r.PROGRAM, b"temp 21.5\r\n", b"temp 21.6\r\n", b"", 'prints "temp 21.6"'),
    ("program, caught error", r.PROGRAM, TRACEBACK + b"going on\r\n", b"", b"", "going on"),
    ("program at input()", r.PROGRAM, b"Your name? ", ECHO, b"", "no picolink node"),
    ("program after a reset", r.PROGRAM, REBOOT + b"t 21\r\n", b"", b"", 'prints "t 21"'),
    ("node that is slow", r.DEAF_NODE, REBOOT + LISTENS, b"", b"", "node is there, but"),
    ("node that prints and is slow", r.DEAF_NODE, LISTENS + b"t 21\r\n", b"", b"", "node is there"),
    ("program that a node was", r.PROGRAM, LISTENS + REBOOT + b"t 21\r\n", b"", b"", '"t 21"'),
    ("CircuitPython runs", r.CIRCUITPYTHON, b"code.py output:\r\nhi\r\n", b"", b"", "not Micro"),
    ("CircuitPython done", r.CIRCUITPYTHON, CIRCUIT_DONE, b"", CIRCUIT_BANNER, "Python 9.2.4"),
    ("silence", r.SILENT, b"", b"", b"", "neither prints nor answers"),
    ("silence after a reset", r.SILENT, b"t 21\r\n" + REBOOT, b"", b"", "neither prints"),
    ("bytes of no meaning", r.SILENT, b"\x00\x80", b"\xff\xfe", b"\x00", "neither prints"),
]


@pytest.mark.parametrize(
    ("kind", "rest", "after_hello", "after_probe", "words"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_each_kind(
    kind: str, rest: bytes, after_hello: bytes, after_probe: bytes, words: str
) -> None:
    result = identify(rest, after_hello, after_probe, hello=HELLO, port="/dev/ttyACM0")
    assert result.kind == kind
    assert words in result.what
    assert "{" not in str(result)


def test_the_table_has_every_kind_that_bytes_can_tell() -> None:
    assert {row[1] for row in TABLE} == set(r.SENTENCES) - {r.HELD, r.BOOT_DRIVE, r.UNREAD}


def test_what_the_system_tells() -> None:
    held = found(r.HELD, holder="mpremote (process 4711)")
    assert held == Found(
        r.HELD,
        "The port is in use by mpremote (process 4711).",
        "Close that program (in Thonny: Stop, then disconnect), then try again.",
    )
    assert "RPI-RP2" in found(r.BOOT_DRIVE).what


def test_the_advice_names_the_port() -> None:
    assert "mpremote connect COM3" in identify(b"", b"", b"", port="COM3").advice


def test_a_damaged_frame_is_no_node() -> None:
    damaged = ANSWER[:-1] + bytes([ANSWER[-1] ^ 1])
    assert identify(b"", damaged, b"", hello=HELLO).kind == r.PROGRAM
    assert identify(b"", ANSWER[:-1], b"", hello=HELLO).kind == r.PROGRAM
    assert identify(b"", damaged + ANSWER, b"", hello=HELLO).kind == r.NODE


def test_ctrl_c_is_no_error_of_the_program() -> None:
    text = (
        "Traceback (most recent call last):\r\n"
        '  File "main.py", line 3, in <module>\r\nKeyboardInterrupt: \r\n>>> '
    )
    assert traceback_of(text) is None


def test_the_probe_and_the_hello_can_do_nothing_at_a_prompt() -> None:
    assert not set(r.PROBE) & set(b"\x01\x03\x04\x05\r\n")
    assert not set(HELLO) & set(b"\x01\x02\x03\x04\x05\r\n")
