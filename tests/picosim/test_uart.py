"""The simulated UART: as the board's, at its pace, and every fault that can be asked for."""

from __future__ import annotations

import os
import select
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from both import SEED

from picosim import BoardFailed, UartFaults, UartWire, VirtualBoard, World
from picosim.uart.signal import Garbler, Setting

CPYTHON_ONLY = "virtual boards"
ECHO = """
from machine import UART
u = UART(0, 115200, rxbuf=2048, txbuf=2048)
print("ready")
while True:
    if u.any():
        u.write(u.read(u.any()))
"""
LISTEN = """
from machine import Pin, UART
u = UART(0, BAUD, rxbuf=RXBUF)
print("ready")
stop = Pin(15)
while not stop.value():
    pass
print("heard", u.any(), u.read(u.any()))
"""


@contextmanager
def port(path: str, baud: int = 115200) -> Iterator[Port]:
    opened = Port(path, baud)
    yield opened
    os.close(opened.fd)


class Port:
    """A serial port as a host's program has it."""

    def __init__(self, path: str, baud: int) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        self.set(baud)

    def set(self, baud: int) -> None:
        state = termios.tcgetattr(self.fd)
        state[4] = state[5] = getattr(termios, f"B{baud}")
        termios.tcsetattr(self.fd, termios.TCSANOW, state)

    def ask(self, data: bytes, count: int, timeout_s: float = 5) -> bytes:
        os.write(self.fd, data)
        return self.read(count, timeout_s)

    def expect(self, what: bytes) -> bytes:
        got = b""
        while what not in got:
            more = self.read(1)
            assert more, f"{what!r} did not come, but {got!r}"
            got += more
        return got

    def read(self, count: int, timeout_s: float = 5) -> bytes:
        """`count` bytes, or what came of them in time."""
        got = b""
        end = time.monotonic() + timeout_s
        while len(got) < count:
            left_s = end - time.monotonic()
            if left_s <= 0 or not select.select([self.fd], [], [], left_s)[0]:
                break
            got += os.read(self.fd, 65536)
        return got


def echoing(world: World, main: str = ECHO) -> VirtualBoard:
    """A board whose UART is open: what came before would be lost."""
    board = world.board("b", main=main)
    board.wait_printed("ready")
    return board


def sent(wire: UartWire, direction: int, count: int, timeout_s: float = 5) -> dict[str, int]:
    """Waits until `count` bytes went through one direction; what became of them."""
    end = time.monotonic() + timeout_s
    while True:
        counts = wire.counts()[direction]
        if counts["sent"] >= count:
            return counts
        assert time.monotonic() < end, counts


def run(world: World, source: str, name: str = "b") -> str:
    board = world.board(name, main=source)
    board.wait_printed('Type "help()"')  # the interpreter's own, which comes behind it
    return board.log_text()


# What the port is like


def test_a_port_without_wires_sends_into_the_air_at_its_pace(world: World) -> None:
    text = run(
        world,
        "from machine import UART\nimport time\n"
        "u = UART(0, 9600, txbuf=512)\nt = time.ticks_ms()\n"
        "print(u.write(b'x' * 192), u.txdone())\nu.flush()\n"
        "print(u.txdone(), time.ticks_diff(time.ticks_ms(), t), u.any(), u.read(1))",
    )
    first, second = text.splitlines()[:2]
    assert first == "192 False"
    done, took_ms, there, byte = second.split()
    assert (done, there, byte) == ("True", "0", "None")
    assert 195 <= int(took_ms) < 400


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("2", "UART(2) doesn't exist"),
        ("0, tx=4", "bad TX pin"),
        ("0, rx=0", "bad RX pin"),
        ("1, tx=0", "bad TX pin"),
        ("1, rx=Pin(1)", "bad RX pin"),
        ("0, rxbuf=40000", "rxbuf too large"),
        ("0, invert=4", "bad inversion mask"),
    ],
)
def test_wrong_settings_are_refused_as_by_the_port(
    world: World, arguments: str, error: str
) -> None:
    text = run(world, f"from machine import Pin, UART\nUART({arguments})")
    assert f"ValueError: {error}" in text


def test_settings_are_shown_and_kept(world: World) -> None:
    text = run(
        world,
        "from machine import Pin, UART\nu = UART(1, 9600, tx=Pin(8), rx=9, txbuf=10)\nprint(u)\n"
        "print(UART(1) is u)\nu.init(19200, parity=0)\nprint(u)\nu.deinit()",
    )
    assert text.splitlines()[:3] == [
        "UART(1, baudrate=9600, bits=8, parity=None, stop=1, tx=8, rx=9, txbuf=32, rxbuf=256, "
        "timeout=0, timeout_char=2, invert=None)",
        "True",
        "UART(1, baudrate=19200, bits=8, parity=0, stop=1, tx=8, rx=9, txbuf=256, rxbuf=256, "
        "timeout=0, timeout_char=2, invert=None)",
    ]


def test_timeouts_of_read_and_write(world: World) -> None:
    text = run(
        world,
        "from machine import UART\nimport time\n"
        "def took(f, *a):\n t = time.ticks_us(); r = f(*a)\n"
        " print(r, time.ticks_diff(time.ticks_us(), t) // 1000)\n"
        "u = UART(0, 9600, txbuf=32)\ntook(u.read, 5)\ntook(u.readline)\n"
        "took(u.write, b'y' * 100)\nu.flush()\n"
        "u.init(9600, timeout=30, txbuf=32)\ntook(u.read, 5)\ntook(u.write, b'y' * 100)",
    )
    rows = [line.split() for line in text.splitlines()[:5]]
    assert [row[0] for row in rows] == ["None", "None", "32", "None", "100"]
    took_ms = [int(row[1]) for row in rows]
    assert 1 <= took_ms[0] < 20 and 1 <= took_ms[1] < 20  # empty: one millisecond
    assert took_ms[2] < 20  # what does not fit comes back short
    assert 30 <= took_ms[3] < 60  # the timeout
    assert 60 <= took_ms[4] < 150  # 68 bytes beyond the buffer at 960/s


def test_streams_on_a_port(world: World) -> None:
    board = world.board(
        "b",
        main="from machine import UART\nu = UART(0, 115200, timeout=500, timeout_char=20)\n"
        "print('ready')\nprint(u.readline())\nb = bytearray(4)\nprint(u.readinto(b, 3), b)\n"
        "print(u.read(2), u.read())\nprint(u.read())",
    )
    wire = world.uart(board.uart(0))
    board.wait_printed("ready")
    with port(wire.path) as host:
        os.write(host.fd, b"line\nabcdefgh")
        board.wait_state("repl")
    assert board.log_text().splitlines()[1:5] == [
        "b'line\\n'",
        "3 bytearray(b'abc\\x00')",
        "b'de' b'fgh'",
        "None",
    ]


@pytest.mark.parametrize("baud", [9600, 115200, 921600])
def test_bytes_take_their_time(world: World, baud: int) -> None:
    board = echoing(world, ECHO.replace("115200", str(baud)))
    wire = world.uart(board.uart(0))
    count = min(1800, baud // 50)
    data = bytes(i * 7 & 0xFF for i in range(count))
    with port(wire.path, baud) as host:
        start = time.monotonic()
        assert host.ask(data, count) == data
        took_s = time.monotonic() - start
    assert took_s >= 0.98 * count * 10 / baud
    assert took_s < 1.5 * count * 10 / baud + 0.3


def test_two_boards_on_other_pins(world: World) -> None:
    a = world.board("a", main=ECHO.replace("115200,", "115200, tx=12, rx=13,"))
    b = world.board(
        "b",
        main="from machine import UART\nu = UART(1, 115200, timeout=1000)\n"
        "u.write('over there')\nprint('got', u.read(10))",
        start=False,
    )
    world.uart(a.uart(0, 12, 13), b.uart(1))
    b.start()
    assert b.wait_printed("got ") == "b'over there'"


def test_wires_at_other_pins_carry_nothing(world: World) -> None:
    board = echoing(world)
    wire = world.uart(board.uart(0, 12, 13))
    with port(wire.path) as host:
        assert host.ask(b"hello", 5, timeout_s=0.2) == b""
        assert sent(wire, 1, 5)["delivered"] == 5  # to pin 13, where the port is not


def test_asyncio_reads_and_writes(world: World) -> None:
    board = world.board(
        "b",
        main="import asyncio\nfrom machine import UART\nu = UART(0, 115200, rxbuf=256, txbuf=64)\n"
        "async def echo():\n s = asyncio.StreamReader(u)\n print('ready')\n while True:\n"
        "  line = await s.readline()\n  s.write(line)\n  await s.drain()\n"
        "async def beat():\n n = 0\n while True:\n  await asyncio.sleep_ms(10)\n  n += 1\n"
        "  if n % 10 == 0: print('beat', n)\n"
        "async def main():\n asyncio.create_task(beat())\n await echo()\nasyncio.run(main())",
    )
    wire = world.uart(board.uart(0))
    board.wait_printed("ready")
    line = b"x" * 150 + b"\n"  # more than the tx buffer
    with port(wire.path) as host:
        for _ in range(3):
            assert host.ask(line, len(line)) == line
    board.wait_printed("beat 20")


def test_poll_tells_of_room_to_write(world: World) -> None:
    text = run(
        world,
        "import select, time\nfrom machine import UART\nu = UART(0, 1200, txbuf=32)\n"
        "p = select.poll()\np.register(u, select.POLLIN | select.POLLOUT)\n"
        "print([e for _, e in p.poll(0)])\nu.write(b'z' * 32)\nprint(p.poll(0))\n"
        "t = time.ticks_ms()\nprint([(o is u, e) for o, e in p.poll(500)])\n"
        "p.unregister(u)\nprint(p.poll(0))",
    )
    assert text.splitlines()[:4] == ["[4]", "[]", "[(True, 4)]", "[]"]


def test_idle_interrupts_once_a_burst(world: World) -> None:
    board = world.board(
        "b",
        main="from machine import UART\nu = UART(0, 115200)\n"
        "def idle(u):\n n = u.any()\n print('idle', n, irq.flags() == u.IRQ_RXIDLE)\n u.read(n)\n"
        "irq = u.irq(idle, u.IRQ_RXIDLE)\nprint('ready')\nwhile True: pass",
    )
    wire = world.uart(board.uart(0))
    board.wait_printed("ready")
    with port(wire.path) as host:
        for n in (40, 3):
            os.write(host.fd, b"b" * n)
            assert board.wait_printed(f"idle {n} ") == "True"
    assert board.log_text().count("idle") == 2


def test_a_break_arrives(world: World) -> None:
    a = world.board(
        "a",
        main="from machine import Pin, UART\nu = UART(0)\nwhile not Pin(15).value(): pass\n"
        "u.sendbreak()\nprint('sent')",
    )
    b = world.board(
        "b",
        main="from machine import UART\nu = UART(0)\n"
        "u.irq(lambda u: print('break', u.read()), u.IRQ_BREAK)\nprint('ready')\n"
        "while True: pass",
    )
    world.uart(a.uart(0), b.uart(0))
    b.wait_printed("ready")
    a.pin(15).set(1)
    assert b.wait_printed("break ") == "b'\\x00'"


def test_the_buffer_overflows(world: World) -> None:
    board = world.board("b", main=LISTEN.replace("BAUD", "115200").replace("RXBUF", "64"))
    wire = world.uart(board.uart(0))
    board.wait_printed("ready")
    with port(wire.path) as host:
        os.write(host.fd, bytes(range(100)))
        assert sent(wire, 1, 100)["overflowed"] == 36
        board.pin(15).set(1)
        count, data = board.wait_printed("heard ").split(" ", 1)
    assert int(count) == 64 and data == str(bytes(range(64)))


def test_a_flash_write_loses_what_arrives(world: World) -> None:
    board = world.board(
        "b",
        main="from machine import Pin, UART\nu = UART(0, 115200, rxbuf=8192)\nprint('ready')\n"
        "import time\nwhile not u.any(): pass\nt = time.ticks_ms()\n"
        "f = open('data', 'w'); f.write('d' * 4096); f.close()\n"
        "print('took', time.ticks_diff(time.ticks_ms(), t))\n"
        "while not Pin(15).value(): pass\nprint('heard', u.any())",
    )
    wire = world.uart(board.uart(0))
    board.wait_printed("ready")
    with port(wire.path) as host:
        os.write(host.fd, b"f" * 4000)
        took_ms = int(board.wait_printed("took "))
        counts = sent(wire, 1, 4000)
        board.pin(15).set(1)
        heard = int(board.wait_printed("heard "))
    assert took_ms >= 45
    assert heard == 4000 - counts["overflowed"]
    assert counts["overflowed"] >= 400  # 45 ms of 11.5 bytes, but for the receiver's own 32


def test_a_reset_board_is_at_the_wires_again(world: World) -> None:
    board = echoing(world)
    wire = world.uart(board.uart(0))
    with port(wire.path) as host:
        for again in (board.reset, lambda: (board.power_off(), board.power_on()), board.kill):
            assert host.ask(b"here", 4) == b"here"
            again()
            if again == board.kill:
                board.start()
            board.wait_state("main")
            end = time.monotonic() + 5
            while host.ask(b"?", 1, timeout_s=0.1) != b"?":
                assert time.monotonic() < end
            host.read(1000, timeout_s=0.05)


# What goes wrong


def carried(world: World, faults: UartFaults, data: bytes, echoed: bool = True) -> bytes:
    board = echoing(world)
    wire = world.uart(board.uart(0), "pty", faults)
    with port(wire.path) as host:
        return host.ask(data, len(data), timeout_s=1 if echoed else 0.2)


def test_flipped_bytes(world: World) -> None:
    data = bytes(1500)
    got = carried(world, UartFaults(flipped=0.02), data)
    wrong = [byte for byte in got if byte]
    assert len(got) == 1500
    assert 30 <= len(wrong) <= 95  # 60 on average, both ways
    assert sum(byte.bit_count() == 1 for byte in wrong) > 0.9 * len(wrong)


def test_lost_bytes(world: World) -> None:
    data = bytes(i % 251 for i in range(1500))
    got = carried(world, UartFaults(lost=0.02), data)
    assert 1500 - 95 <= len(got) <= 1500 - 25
    at = 0
    for byte in got:  # in order, with gaps
        at = data.index(byte, at) + 1


def test_the_same_seed_gives_the_same_faults(tmp_path: Path) -> None:
    def once(seed: int) -> bytes:
        with World(seed=seed) as world:
            board = world.board("b", main=LISTEN.replace("BAUD", "115200").replace("RXBUF", "2048"))
            wire = world.uart(board.uart(0), "pty", UartFaults(lost=0.05, flipped=0.05))
            board.wait_printed("ready")
            with port(wire.path) as host:
                os.write(host.fd, bytes(range(256)) * 2)
                sent(wire, 1, 512)
                board.pin(15).set(1)
                return board.wait_printed("heard ").encode()

    assert once(SEED) == once(SEED) != once(SEED + 1)


def test_swapped_wires_and_a_missing_ground_are_silence(world: World) -> None:
    board = echoing(world)
    wire = world.uart(board.uart(0), "pty", UartFaults(swapped=True))
    with port(wire.path) as host:
        assert host.ask(b"hello", 1, timeout_s=0.1) == b""
        wire.set(UartFaults(no_ground=True))
        assert host.ask(b"hello", 1, timeout_s=0.1) == b""
        wire.set(UartFaults())
        assert host.ask(b"hello", 5) == b"hello"


def test_an_echo(world: World) -> None:
    board = world.board("b", main="from machine import UART\nu = UART(0)")
    wire = world.uart(board.uart(0), "pty", UartFaults(echo=True))
    with port(wire.path) as host:
        assert host.ask(b"own words", 9) == b"own words"


@pytest.mark.parametrize(("board_baud", "host_baud"), [(9600, 115200), (115200, 9600)])
def test_a_wrong_baud_is_garbage(world: World, board_baud: int, host_baud: int) -> None:
    board = world.board(
        "b",
        main="from machine import UART\nu = UART(0, BAUD, txbuf=300)\nprint('ready')\n"
        "while not u.any(): pass\nu.write(b'Hello, Pi! ' * 20)\nu.flush()\nprint('sent')".replace(
            "BAUD", str(board_baud)
        ),
    )
    wire = world.uart(board.uart(0))
    board.wait_printed("ready")
    with port(wire.path, host_baud) as host:
        os.write(host.fd, b"UUUU")
        board.wait_printed("sent")
        got = host.read(1, timeout_s=2)
        got += host.read(10_000, timeout_s=0.2)
        assert got and b"Hello" not in got and b"Pi" not in got
        assert any(byte < 32 or byte > 126 for byte in got)


def test_a_host_end_held_at_another_baud(world: World) -> None:
    board = echoing(world)
    wire = world.uart(board.uart(0), "pty", UartFaults(baud=38400))
    with port(wire.path) as host:
        assert host.ask(b"hello", 5, timeout_s=0.3) != b"hello"
        wire.set(UartFaults())
        host.read(100, timeout_s=0.2)
        assert host.ask(b"hello", 5) == b"hello"


def test_a_cable_too_long_for_the_rate(world: World) -> None:
    data = b"a long cable" * 20
    board = echoing(world)
    wire = world.uart(board.uart(0), "pty", UartFaults(cable_baud=115200))
    with port(wire.path) as host:
        assert host.ask(data, len(data)) == data
        wire.set(UartFaults(cable_baud=57600))
        got = host.ask(data, len(data))
        assert len(got) == len(data) and got.count(0) > len(data) // 20


def test_cuts_by_hand_and_by_chance(world: World) -> None:
    board = echoing(world)
    wire = world.uart(board.uart(0))
    with port(wire.path) as host:
        wire.cut()
        assert host.ask(b"hello", 5, timeout_s=0.1) == b""
        wire.mend()
        assert host.ask(b"hello", 5) == b"hello"
        wire.set(UartFaults(cuts_per_s=20, cut_ms=20))
        got = host.ask(bytes(2000), 2000, timeout_s=1)
        assert 0 < len(got) < 1900


def test_noise_out_of_nothing(world: World) -> None:
    board = world.board("b", main=LISTEN.replace("BAUD", "115200").replace("RXBUF", "64"))
    wire = world.uart(board.uart(0))
    board.wait_printed("ready")
    wire.noise(0, b"\xff\x00zap")
    wire.counts()
    board.pin(15).set(1)
    assert board.wait_printed("heard ") == "5 b'\\xff\\x00zap'"


def test_a_login_at_the_other_end(world: World) -> None:
    board = echoing(world)
    wire = world.uart("pty", "login")
    with port(wire.path) as host:
        os.write(host.fd, b"\x04")
        assert host.expect(b"ttyS0\r\n\r\nraspberrypi login: ")
        os.write(host.fd, b"led_on\r")
        assert host.expect(b"led_on\r\nPassword: ")
        os.write(host.fd, b"secret\r")
        assert b"secret" not in host.expect(b"Login incorrect")
    shared = world.uart(board.uart(0), "pty", UartFaults(login=True))
    with port(shared.path) as host:
        got = b""
        asked = 0
        # What the board echoes goes to the program or to the login, whose answers are echoed too.
        # Its first one may have come before this port was open; it has another for each line.
        while asked < 20 or got.count(b"0123456789") == asked or b"gin" not in got:
            assert asked < 400, got[-200:]
            got += host.ask(b"0123456789\r", 11, timeout_s=0.05)
            asked += 1


def test_parity_and_stop_bits_must_match(world: World) -> None:
    board = echoing(world, ECHO.replace("115200,", "115200, parity=0, stop=2,"))
    wire = world.uart(board.uart(0))
    board.wait_state("main")
    with port(wire.path) as host:
        assert host.ask(b"\x01\x03\x07", 3, 0.2) != b"\x01\x03\x07"
        state = termios.tcgetattr(host.fd)
        state[2] |= termios.PARENB | termios.CSTOPB
        termios.tcsetattr(host.fd, termios.TCSANOW, state)
        host.read(100, 0.1)
        assert host.ask(b"\x01\x03\x07", 3) == b"\x01\x03\x07"


@pytest.mark.parametrize(("invert", "understood"), [(3, True), (1, False)])
def test_an_inverted_line(world: World, invert: int, understood: bool) -> None:
    a = world.board("a", main=ECHO.replace("115200,", "115200, invert=3,"))
    a.wait_state("main")
    b = world.board(
        "b",
        main=f"from machine import UART\nu = UART(0, 115200, invert={invert}, timeout=300)\n"
        "u.write('hello')\nprint('got', u.read(5))",
        start=False,
    )
    world.uart(a.uart(0), b.uart(0))
    b.start()
    assert (b.wait_printed("got ") == "b'hello'") == understood


def test_garbler_reads_what_it_can() -> None:
    """At nearly the same rate all is read; at half the rate a byte becomes others."""
    data = bytes(range(256))
    same = Garbler(Setting(115200), Setting(112500))
    assert same.feed(data[:100], False) + same.feed(data[100:], True) == data
    slow = Garbler(Setting(115200), Setting(57600)).feed(b"Hello" * 10, True)
    assert 15 < len(slow) < 40 and b"Hello" not in slow
    inverted = Garbler(Setting(9600), Setting(9600, inverted=True)).feed(b"Hello" * 10, True)
    assert b"Hello" not in inverted
    seven = Garbler(Setting(9600, 7, 2), Setting(9600, 7, 2))
    assert seven.feed(b"Hello", True) == b"Hello"


def test_wires_in_a_file(world: World, tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    text = (
        'seed = 1\n[board.a]\nmain = "echo.py"\n[[uart]]\nfrom = "a.uart0"\nlost = 0.5\n'
        '[[uart]]\nfrom = "a.uart1"\nfrom_pins = [8, 9]\nto = "login"\n'
    )
    (tmp_path / "world.toml").write_text(text)
    with World.from_toml(tmp_path / "world.toml") as built:
        first, second = built.uarts
        assert first.faults == UartFaults(lost=0.5)
        assert second.ends[0] == built.boards["a"].uart(1, 8, 9)
        with port(first.path) as host:
            assert 0 < len(host.ask(bytes(200), 200, timeout_s=0.3)) < 150
    for wrong, why in (
        ("lots = 1", "'lots', which means nothing"),
        ('to = "b.uart0"', 'write "board.uart0", "pty" or "login"'),
        ("from_pins = [4, 5]", "GP4 is no TX pin of UART 0; those are GP0, GP12, GP16, GP28"),
    ):
        (tmp_path / "wrong.toml").write_text(
            f'[board.a]\nmain = "echo.py"\n[[uart]]\nfrom = "a.uart0"\n{wrong}\n'
        )
        with pytest.raises(ValueError, match="wrong.toml") as caught:
            World.from_toml(tmp_path / "wrong.toml")
        assert why in str(caught.value)


def test_wrong_ends_are_refused(world: World) -> None:
    board = world.board("b", start=False)
    with pytest.raises(ValueError, match="UARTs 0 and 1, not 2"):
        board.uart(2)
    with pytest.raises(ValueError, match="no end of a UART"):
        world.uart(board.uart(0), "ptty")
    assert not issubclass(BoardFailed, ValueError)
