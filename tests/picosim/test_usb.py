"""stdin and stdout behave as on the rp2 port."""

from __future__ import annotations

import os
import re
import time

import pytest
from terminal import Terminal

from picosim import VirtualBoard, World

READ = "import sys, select, micropython\nfin = sys.stdin.buffer\nfout = sys.stdout.buffer\n"


def reading(world: World, source: str) -> tuple[VirtualBoard, Terminal]:
    """A board that runs `source` once the terminal on it is there, and that terminal."""
    start = (
        "import machine\nwhile not machine.Pin(28).value(): pass\nprint('ready')\n"
        "while not machine.Pin(27).value(): pass\n"
    )
    board = world.board("b", main=READ + start + source)
    terminal = Terminal(board.usb_path)
    board.pin(28).set(1)
    terminal.expect(b"ready\r\n")
    board.pin(27).set(1)  # what it has read by now is that line alone
    return board, terminal


def test_reads_block_until_complete_and_poll_counts_nothing(world: World) -> None:
    _, terminal = reading(
        world,
        "p = select.poll(); p.register(fin, 1)\n"
        "print(len(p.poll(5000)), len(p.poll(0)))\n"
        "b = bytearray(10); print(fin.read(5), fin.readinto(b), b)\n"
        "print(fin.readline(), len(p.poll(0)))\n",
    )
    terminal.send(b"abc")
    terminal.expect(b"1 1\r\n")
    assert terminal.read_until_quiet(0.05) == b""  # it waits for five
    terminal.send(b"de0123456")
    assert terminal.read_until_quiet(0.05) == b""
    terminal.send(b"789line\n")
    terminal.expect(b"b'abcde' 10 bytearray(b'0123456789')\r\n")
    terminal.expect(b"b'line\\n' 0\r\n")


def test_704_bytes_are_taken_and_the_rest_waits_on_the_host(world: World) -> None:
    board, terminal = reading(
        world,
        "from machine import Pin\nwhile not Pin(0).value(): pass\n"
        "d = fin.read(20000)\nprint(d == bytes(0x20 + i % 90 for i in range(20000)))\n",
    )
    data = bytes(0x20 + i % 90 for i in range(20000))
    os.set_blocking(terminal.fd, False)
    sent = 0
    while sent < len(data):
        try:
            sent += os.write(terminal.fd, data[sent:])
        except BlockingIOError:
            break
    assert sent < len(data)  # the board does not take it, so the host's buffers filled up
    os.set_blocking(terminal.fd, True)
    board.pin(0).set(1)
    terminal.send(data[sent:])
    terminal.expect(b"True\r\n")
    assert "ready" in board.log_text()


def test_ctrl_c_throws_unread_input_away_and_interrupts_a_busy_loop(world: World) -> None:
    board, terminal = reading(
        world,
        "from machine import Pin\nled = Pin('LED', 1)\n"
        "try:\n print('loop')\n while True:\n  pass\nexcept KeyboardInterrupt:\n print('stopped')\n"
        "led.on()\nprint(fin.read(4))\n",
    )
    terminal.expect(b"loop\r\n")
    terminal.send(b"unread\x03")
    terminal.expect(b"stopped\r\n")
    board.pin("LED").wait(1)
    terminal.send(b"next")
    terminal.expect(b"b'next'\r\n")


def test_ctrl_c_in_main_prints_a_traceback_and_gives_the_prompt(world: World) -> None:
    _, terminal = reading(world, "while True: fin.read(1)\n")
    terminal.send(b"\x03")
    text = terminal.expect(b">>> ")
    assert re.search(rb'  File "main.py", line [678], in <module>\r\nKeyboardInterrupt: \r\n', text)


def test_many_ctrl_c_at_once_do_no_more_than_one(world: World) -> None:
    _, terminal = reading(world, "while True:\n pass\n")
    for _ in range(20):
        terminal.send(b"\x03")
    terminal.send(b"\r\x03")
    terminal.expect(b">>> ")
    terminal.send(b"\x03print(5 + 5)\r")
    terminal.expect(b"\r\n10\r\n")


def test_ctrl_c_just_when_the_program_ends_leaves_a_prompt(world: World) -> None:
    board = world.board("b", main="print('began')\n")
    board.wait_state("repl")
    with Terminal(board.usb_path) as terminal:
        for _ in range(30):
            terminal.send(b"\x04")
            end_s = time.monotonic() + 5
            terminal.expect(b"soft reboot")
            while b"help()" not in terminal.seen:
                terminal.send(b"\x03")
                terminal.seen += terminal.read_some(0.0003)
                assert time.monotonic() < end_s, board.log_text()
            terminal.seen = b""
            terminal.send(b"\x03\x03\x03\rprint(6 * 7)\r")
            terminal.expect(b"42\r\n")
            terminal.read_until_quiet(0.02)


def test_kbd_intr_off_lets_0x03_through_as_data(world: World) -> None:
    _, terminal = reading(
        world,
        "micropython.kbd_intr(-1)\nprint('off')\nprint(fin.read(3))\nmicropython.kbd_intr(3)\n",
    )
    terminal.expect(b"off\r\n")
    terminal.send(b"a\x03b")
    terminal.expect(b"b'a\\x03b'\r\n")


def test_ctrl_c_comes_out_of_a_blocked_read(world: World) -> None:
    _, terminal = reading(
        world,
        "try:\n print('in')\n fin.read(100)\nexcept KeyboardInterrupt:\n print('out of it')\n",
    )
    terminal.expect(b"in\r\n")
    terminal.send(b"some\x03")
    terminal.expect(b"out of it\r\n")


STALL = """
import time
from machine import Pin
go = Pin(0)
def timed(n):
    t = time.ticks_ms()
    w = fout.write(bytes(n))
    return (w, time.ticks_diff(time.ticks_ms(), t))
while not go.value(): pass
first = timed(1000)
second = timed(10)
Pin(1, 1).on()
while go.value(): pass
fout.write(b'|')
print(first, second)
"""


def test_a_host_that_does_not_read_stalls_writes_for_half_a_second(world: World) -> None:
    board, terminal = reading(world, STALL)
    board.pin(0).set(1)
    # 320 bytes are taken; then each write waits for half a second, and says how much went.
    board.pin(1).wait(1)
    taken = os.read(terminal.fd, 65536)
    assert taken == bytes(320)
    board.pin(0).set(0)
    terminal.expect(b"|")
    numbers = terminal.expect(b"\r\n").decode()
    first, second = eval(numbers.replace(") (", "), ("))
    assert first[0] == 320 and 480 <= first[1] < 700
    assert second[0] == 0 and 480 <= second[1] < 700


def test_with_nobody_there_writes_succeed_and_the_last_bytes_reach_the_next(world: World) -> None:
    source = (
        "for i in range(100): print('line', i)\n"
        "from machine import Pin\nPin(1, 1).on()\nfin.read(1)\n"
    )
    board = world.board("b", main=READ + source)
    board.pin(1).wait(1)
    with Terminal(board.usb_path) as terminal:
        text = terminal.expect(b"line 99\r\n")
        assert len(text) == 313
    with Terminal(board.usb_path) as terminal:
        assert terminal.read_until_quiet(0.05) == b""


def test_a_host_that_leaves_ends_a_stall(world: World) -> None:
    board, terminal = reading(
        world, "fout.write(bytes(5000))\nfrom machine import Pin\nPin(1, 1).on()"
    )
    terminal.close()
    board.pin(1).wait(1, timeout_s=1)


def test_large_output_arrives_whole(world: World) -> None:
    _, terminal = reading(world, "fout.write(bytes(i & 0xFF for i in range(30000)) + b'end')\n")
    assert terminal.expect(b"end") == bytes(i & 0xFF for i in range(30000)) + b"end"


def test_pollout_is_room_for_one_byte(world: World) -> None:
    board, terminal = reading(
        world,
        "p = select.poll(); p.register(sys.stdout, 4)\nn = len(p.poll(0))\n"
        "fout.write(bytes(400))\nm = len(p.poll(0))\n"
        "from machine import Pin\nPin(1, 1).on()\nk = len(p.poll(5000))\nprint(n, m, k)\n",
    )
    board.pin(1).wait(1)
    terminal.expect(b"1 0 1\r\n")


def test_unplugging_hangs_up_and_the_board_runs_on(world: World) -> None:
    board, terminal = reading(
        world,
        "from machine import Pin\nwhile not Pin(0).value(): pass\nprint('went on')\nfin.read(1)\n",
    )
    board.unplug()
    terminal.expect_hang_up()
    terminal.close()
    assert not os.path.lexists(board.usb_path)
    board.pin(0).set(1)
    board.plug()
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"went on\r\n")


def test_the_bare_pty_is_the_native_one(world: World) -> None:
    board = world.board(
        "b", main="import sys, select\nprint(type(sys.stdin), sys.stdin.buffer.read(4))", usb="pty"
    )
    with Terminal(board.usb_path) as terminal:
        terminal.send(b"four")
        terminal.expect(b"<class 'TextIOWrapper'> b'four'\n")
        terminal.expect(b">>> ")
    with pytest.raises(ValueError, match="can be unplugged"):
        board.unplug()


def test_with_a_little_room_a_stalled_write_takes_a_second(world: World) -> None:
    board, terminal = reading(
        world,
        "import time\nfout.write(bytes(200))\nt = time.ticks_ms()\nn = fout.write(bytes(1000))\n"
        "t = time.ticks_diff(time.ticks_ms(), t)\nmachine.Pin(1, 1).on()\nprint('took', n, t)\n",
    )
    board.pin(1).wait(1)
    terminal.expect(b"took 120 ")
    assert 950 <= int(terminal.expect(b"\r\n")) < 1200


def test_print_to_a_host_that_does_not_read_waits_and_says_nothing(world: World) -> None:
    board, terminal = reading(
        world,
        "import time\nprint('x' * 400)\nt = time.ticks_ms()\nprint('lost')\n"
        "t = time.ticks_diff(time.ticks_ms(), t)\nmachine.Pin(1, 1).on()\n"
        "fin.read(1)\nprint('took', t)\n",
    )
    board.pin(1).wait(1)
    assert terminal.expect(b"x" * 320)
    terminal.send(b"g")
    text = terminal.expect(b"\r\n")
    assert text.startswith(b"took ") and 480 <= int(text.split()[1]) < 700


def test_output_goes_to_the_dupterm_stream_too(world: World) -> None:
    _, terminal = reading(
        world,
        "import os, io\nclass Copy(io.IOBase):\n def __init__(self): self.all = b''\n"
        " def write(self, b): self.all += bytes(b); return len(b)\n"
        " def readinto(self, b): return None\n def ioctl(self, op, arg): return 0\n"
        "copy = Copy()\nprint(os.dupterm(copy))\nprint('twice')\n"
        "print(os.dupterm(None) is copy, copy.all)\n",
    )
    terminal.expect(b"None\r\ntwice\r\nTrue b'None\\r\\ntwice\\r\\n'\r\n")


def test_openers_that_come_at_once_are_all_counted(world: World) -> None:
    board = world.board("b", main="")
    board.wait_state("repl")
    for n in range(20):
        with Terminal(board.usb_path) as first:
            for _ in range(3):
                Terminal(board.usb_path).close()
            first.send(b"\rprint(%d + 1)\r" % n)
            first.expect(b"\r\n%d\r\n" % (n + 1), 5)


def test_unread_input_keeps_ctrl_c_out_once_it_is_full(world: World) -> None:
    board, terminal = reading(world, "from machine import Pin\nPin(1, 1).on()\nwhile True: pass\n")
    board.pin(1).wait(1)
    terminal.send(b"x" * 704)
    for _ in range(3):
        terminal.send(b"\x03")
        assert terminal.read_until_quiet(0.1) == b""  # nor does it come out later


def test_ctrl_c_takes_the_place_of_the_last_byte(world: World) -> None:
    _, terminal = reading(world, "print('loop')\nwhile True: pass\n")
    terminal.expect(b"loop\r\n")
    for _ in range(11):  # packets, as a host sends them
        terminal.send(b"x" * 63)
    terminal.send(b"x" * 10 + b"\x03" + b"print(6 * 7)\r")
    terminal.expect(b">>> ")
    terminal.expect(b"\r\n42\r\n")


def test_what_waits_at_the_host_enters_after_what_was_thrown_away(world: World) -> None:
    """A program that reads a little lets the Ctrl-C in that had waited, and what is behind it."""
    board, terminal = reading(
        world,
        "from machine import Pin\nPin(1, 1).on()\nwhile not Pin(0).value(): pass\n"
        "try:\n while True: fin.read(64)\nexcept KeyboardInterrupt:\n print('stopped')\n"
        "print(fin.read(4))\n",
    )
    board.pin(1).wait(1)
    terminal.send(b"x" * 900 + b"\x03" + b"next")
    assert terminal.read_until_quiet(0.1) == b""
    board.pin(0).set(1)
    terminal.expect(b"stopped\r\nb'next'\r\n")
