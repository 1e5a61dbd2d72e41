"""UART keeps the contract, board to host and board to board, on wires as bad as wires get."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from both import SEED, SOAK, Random, count, random_for
from link_contract import LinkContract

import picolink
from picolink.core import textstream
from picolink.core.errors import BadAddress, CannotConnect, PicolinkError, PortBusy
from picolink.core.textstream import Decoder
from picolink.links.host.abilities import Counting
from picolink.links.host.user_address import normalise
from picolink.links.uart.link import UartLink
from picolink.links.usb.serial_port import open_exclusive, set_baud
from picolink.node.features.typed import Typed
from picolink.node.node import Node
from picolink.packing import compile_all, loaded_bytes, sizes
from picosim import UartFaults, UartWire, VirtualBoard, World

CPYTHON_ONLY = "virtual boards"


class TestUart(LinkContract):
    """Host to board. The other rates are for `make soak`: a tenth of the speed, ten times the
    time."""

    baud = 921600
    links = ("uart:0?baud=921600",)

    @pytest.fixture(autouse=True)
    def _wire(self, world: World, board: VirtualBoard) -> Iterator[None]:
        self.wire = world.uart(board.uart(0))
        yield
        self.wire.close()

    def address(self, board: VirtualBoard) -> str:
        return f"uart:{self.wire.path}?baud={self.baud}"

    def cut(self, board: VirtualBoard) -> None:
        """For some bytes of either direction, or a tenth of a second."""
        self.wire.cut()
        before = sum(direction["sent"] for direction in self.wire.counts())
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            if sum(direction["sent"] for direction in self.wire.counts()) > before + 100:
                break
        self.wire.mend()


@pytest.mark.skipif(not SOAK, reason="make soak")
class TestUartAt115200(TestUart):
    """The same at the usual rate."""

    baud = 115200
    links = ("uart:0?baud=115200",)


@pytest.mark.skipif(not SOAK, reason="make soak")
class TestUartAt9600(TestUart):
    """The same at a rate for long wires: 100 kB take two minutes."""

    baud = 9600
    links = ("uart:0?baud=9600",)
    patience = 15


# Board to board

CALLER = """
from picolink import Node
node = Node("caller", max_message_bytes=60_000)
peer = node.peer("uart:0?baud=BAUD")

@node.command
async def relay(first, n):
    for i in range(first, first + n):
        if await peer.call("note", i, timeout_s=100) != i:
            return "wrong"
    return await peer.call("notes", timeout_s=100)

@node.command
async def gather(n):
    got = []
    async for item in await peer.stream("numbers", n):
        got.append(item)
    return got == [i * 3 for i in range(n)]

@node.command
async def carry(data):
    return await peer.call("echo", data, timeout_s=100) == data

@node.command
async def name():
    return (await peer.ready(20)).name

@node.command
def echo(value):
    return value

node.run("usb:", *LINKS)
"""

CALLED = """
from picolink import Node
import asyncio
node = Node("called", max_message_bytes=60_000)
noted = []

@node.command
def note(i):
    noted.append(i)
    return i

@node.command
def notes():
    return noted

@node.command
def echo(value):
    return value

@node.stream
def numbers(n):
    for i in range(n):
        yield i * 3

@node.command
async def back(value):
    return await peer.call("echo", value, timeout_s=100)

@node.command
async def save(count, asks):
    # As a logger does: a write of its file takes a board about 100 ms, and it is deaf meanwhile.
    for i in range(count):
        if asks:
            async with node.quiet():
                write(i)
        else:
            write(i)
        await asyncio.sleep_ms(100)

def write(i):
    with open("log.bin", "wb") as file:
        file.write(bytes((i,)) * 6000)

PEER
node.run("uart:0?baud=BAUD", "usb:")
"""


class Pair:
    """Two boards on a wire, and the host at the USB of the one that calls."""

    def __init__(
        self, world: World, baud: int, faults: UartFaults, both: bool = False, options: str = ""
    ) -> None:
        libs = compile_all(["usb", "uart"])
        rate = f"{baud}{options}"
        links = f'("uart:0?baud={rate}",)' if both else "()"
        caller = CALLER.replace("BAUD", rate).replace("LINKS", links)
        called = CALLED.replace("BAUD", rate).replace(
            "PEER", 'peer = node.peer("uart:0")' if both else ""
        )
        number = len(world.boards)
        self.caller = world.board(f"caller-{number}", main=caller, libs=libs, heap_bytes=2_000_000)
        self.called = world.board(f"called-{number}", main=called, libs=libs, heap_bytes=2_000_000)
        self.wire: UartWire = world.uart(self.caller.uart(0), self.called.uart(0), faults)
        self.host = picolink.connect(self.caller.usb_path, timeout_s=10)

    def close(self) -> None:
        self.host.close()
        self.wire.close()
        self.caller.kill()
        self.called.kill()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=SEED) as world:
        yield world


@pytest.fixture
def pair(world: World) -> Iterator[Callable[..., Pair]]:
    made: list[Pair] = []

    def make(
        baud: int, faults: UartFaults | None = None, both: bool = False, options: str = ""
    ) -> Pair:
        made.append(Pair(world, baud, faults or UartFaults(), both, options))
        return made[-1]

    yield make
    for each in made:
        each.close()


FAULTS = {
    "none": UartFaults(),
    "flipped": UartFaults(flipped=0.01),
    "lost": UartFaults(lost=0.01),
    "cuts": UartFaults(cuts_per_s=4, cut_ms=60),
    "all": UartFaults(flipped=0.003, lost=0.003, cuts_per_s=1),
}


SLOW = [
    ("flipped", 9600), ("lost", 9600), ("cuts", 9600), ("all", 9600),
    ("lost", 115200), ("all", 115200), ("lost", 921600), ("all", 921600),
]  # fmt: skip


@pytest.mark.parametrize("baud", [9600, 115200, 921600])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_all_arrives_once_and_in_order(pair: Callable[..., Pair], baud: int, fault: str) -> None:
    if not SOAK and (fault, baud) in SLOW:
        pytest.skip("make soak: up to half a minute each")
    full = {9600: 40, 115200: 100, 921600: 100}[baud]
    n = count(4 * full if fault == "none" else full)
    two = pair(baud, FAULTS[fault])
    assert two.host.call("name", timeout_s=30) == "called"
    assert two.host.call("relay", 0, n, timeout_s=300) == list(range(n))
    assert two.host.call("gather", 2 * n, timeout_s=300)
    data = bytes(range(256)) * max(1, n // 5)
    assert two.host.call("carry", data, timeout_s=300)
    sent, back = two.wire.counts()
    if fault == "none":
        assert sent["sent"] == sent["delivered"] and not sent["overflowed"] + back["overflowed"]
    elif fault in ("flipped", "lost"):
        assert sent[fault] + back[fault] > 0


@pytest.mark.parametrize("baud", [9600, 115200, 921600])
@pytest.mark.parametrize("fault", list(FAULTS)[1:])
def test_a_host_on_bad_wires(world: World, baud: int, fault: str) -> None:
    if not SOAK and (fault, baud) != ("all", 921600):
        pytest.skip("make soak: up to half a minute each")
    n = count({9600: 40, 115200: 100, 921600: 100}[baud])
    board = world.board(
        f"b{len(world.boards)}",
        main=CALLED.replace("BAUD", str(baud)).replace("PEER", ""),
        libs=compile_all(["usb", "uart"]),
        heap_bytes=2_000_000,
    )
    wire = world.uart(board.uart(0), "pty", FAULTS[fault])
    with picolink.connect(f"uart:{wire.path}?baud={baud}", timeout_s=60) as host:
        for i in range(n):
            assert host.call("note", i, timeout_s=100) == i
        assert host.call("notes", timeout_s=100) == list(range(n))
        assert list(host.stream("numbers", 2 * n)) == [i * 3 for i in range(2 * n)]
        data = bytes(range(256)) * max(1, n // 5)
        assert host.call("echo", data, timeout_s=300) == data
    wire.close()
    board.kill()


@pytest.mark.parametrize("baud", [115200, 921600])
def test_the_called_board_is_reset(pair: Callable[..., Pair], baud: int) -> None:
    two = pair(baud)
    for _ in range(count(20, 2)):
        assert two.host.call("relay", 0, 5, timeout_s=30) == list(range(5))
        two.called.reset()
        end = time.monotonic() + 30
        while True:  # a call that was under way may end as unknown
            try:
                assert two.host.call("relay", 0, 0, timeout_s=20) == []
                break
            except PicolinkError:
                assert time.monotonic() < end


def test_the_calling_board_is_reset(pair: Callable[..., Pair]) -> None:
    two = pair(115200)
    assert two.host.call("relay", 0, 5, timeout_s=30) == list(range(5))
    two.caller.reset()
    end = time.monotonic() + 30
    while True:
        try:
            assert two.host.call("relay", 5, 5, timeout_s=20) == list(range(10))
            break
        except PicolinkError:
            assert time.monotonic() < end


def test_a_buffer_that_overflows(pair: Callable[..., Pair]) -> None:
    two = pair(921600)
    noise = random_for("overflow")
    assert two.host.call("relay", 0, 5, timeout_s=30) == list(range(5))
    for turn in range(1, 4):
        two.wire.noise(1, noise.bytes(9000))  # at once: more than the buffer holds
        assert two.host.call("relay", 5 * turn, 5, timeout_s=60) == list(range(5 * turn + 5))
    assert two.wire.counts()[0]["overflowed"] > 0


def test_both_sides_dial_and_serve_on_one_port(pair: Callable[..., Pair]) -> None:
    two = pair(115200, both=True)
    assert two.host.call("relay", 0, 5, timeout_s=30) == list(range(5))
    with picolink.connect(two.called.usb_path, timeout_s=10) as called:
        assert called.call("back", "from the other side", timeout_s=30) == "from the other side"
    assert two.host.call("carry", bytes(range(256)) * 4, timeout_s=30)
    for board in (two.caller, two.called):
        assert "open already" not in board.log_text()


TEXT = """
from picolink import Node
node = Node("texts")

@node.text("led_on", link="uart:0", reply="\\r\\n")
def led_on():
    return "on"

@node.text("page", link="uart:0", reply="\\r\\n")
def page():
    return "p" * 1200

peer = node.peer("uart:0")

@node.command
async def back(value):
    return await peer.call("echo", value, timeout_s=100)

node.run("uart:0?baud=9600", "usb:")
"""


def test_a_dialect_and_a_peer_on_one_port(world: World) -> None:
    """A plain program on the wire where a board also dials: it hears hellos between its answers."""
    board = world.board(
        f"b{len(world.boards)}", main=TEXT, libs=compile_all(["usb", "uart"]), heap_bytes=2_000_000
    )
    wire = world.uart(board.uart(0))
    board.wait_printed("listening on uart:0")  # else it misses the first byte
    with plain_port(wire.path, 9600) as fd:
        assert b"on\r\n" in ask(fd, b"led_on\r", b"on\r\n")
        # More at once than the port takes, and an answer behind it.
        heard = ask(fd, b"page\rled_on\rled_on\r", b"on\r\non\r\n")
        assert heard.count(b"p") >= 1200
    with picolink.connect(f"uart:{wire.path}?baud=9600", node=echoing(), timeout_s=20) as host:
        assert host.call("back", "to the host", timeout_s=60) == "to the host"
    if SOAK:  # and text again, once the board has noticed that the session it dialed is dead
        with plain_port(wire.path, 9600) as fd:
            assert b"on\r\n" in ask(fd, b"\rled_on\r", b"on\r\n", again=True)
    board.kill()


def echoing() -> Node:
    node = Node("host", window_bytes=1 << 14)
    node.command(name="echo")(lambda value: value)
    return node


@contextmanager
def plain_port(path: str, baud: int) -> Iterator[int]:
    fd = open_exclusive(path)
    set_baud(fd, path, baud)
    yield fd
    os.close(fd)


def ask(fd: int, said: bytes, until: bytes, again: bool = False) -> bytes:
    """What comes, frames taken out, up to `until`."""
    heard = b""

    def text(piece: bytes) -> None:
        nonlocal heard
        heard += piece

    decoder = Decoder(text)
    os.write(fd, said)
    begin = said_at = time.monotonic()
    while until not in heard:
        now = time.monotonic()
        assert now < begin + 30, heard
        if again and now > said_at + 2:
            said_at = now
            os.write(fd, said)
        if select.select([fd], [], [], 1)[0]:
            decoder.feed(os.read(fd, 4096))
    return heard


# A board that writes its flash


def carry_meanwhile(save: Callable[[], object], carry: Callable[[], object]) -> None:
    """Has `carry` done, again and again, until `save` is."""
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save)
        while not saving.done():
            carry()
        saving.result()


@pytest.mark.parametrize("baud", [115200, 921600])
def test_nothing_is_lost_while_a_board_writes_its_flash(
    pair: Callable[..., Pair], baud: int
) -> None:
    two = pair(baud)
    data = bytes(range(256)) * (baud // 28800)

    def carry() -> None:
        assert two.host.call("carry", data, timeout_s=60)

    def overflowed() -> int:
        return sum(direction["overflowed"] for direction in two.wire.counts())

    carry()
    n = count(60, 3)
    with picolink.connect(two.called.usb_path, timeout_s=10) as called:
        carry_meanwhile(lambda: called.call("save", n, True, timeout_s=100), carry)
        asked = overflowed()
        carry_meanwhile(lambda: called.call("save", n, False, timeout_s=100), carry)
        check_overflow(asked, overflowed(), n)


def check_overflow(asked: int, both: int, n: int) -> None:
    """Nothing, where the peer was asked for silence; n writes without asking cost much. A busy
    computer may now and then be later with its answer than the board waits for it."""
    assert both - asked > 100 * n
    assert asked <= (both - asked) // 20 if SOAK else asked == 0


def test_a_host_waits_while_a_board_writes_its_flash(world: World) -> None:
    board = world.board(
        f"b{len(world.boards)}",
        main=CALLED.replace("BAUD", "921600").replace("PEER", ""),
        libs=compile_all(["usb", "uart"]),
        heap_bytes=2_000_000,
    )
    wire = world.uart(board.uart(0))
    data = bytes(range(256)) * 64
    with picolink.connect(f"uart:{wire.path}?baud=921600", timeout_s=8) as host:

        def carry() -> None:
            assert host.call("echo", data, timeout_s=60) == data

        n = count(60, 3)
        carry_meanwhile(lambda: host.call("save", n, True, timeout_s=100), carry)
        asked = wire.counts()[1]["overflowed"]
        carry_meanwhile(lambda: host.call("save", n, False, timeout_s=100), carry)
        check_overflow(asked, wire.counts()[1]["overflowed"], n)


# A higher rate on request


def test_a_host_asks_for_a_higher_rate(world: World) -> None:
    board = world.board(
        f"b{len(world.boards)}",
        main=CALLED.replace("BAUD", "115200").replace("PEER", ""),
        libs=compile_all(["usb", "uart"]),
        heap_bytes=2_000_000,
    )
    wire = world.uart(board.uart(0))
    with picolink.connect(f"uart:{wire.path}?baud=115200&fast=921600", timeout_s=8) as host:
        fast = host._client._driver.link.fast
        faster(lambda: host.call("echo", 1), lambda: fast.baud == 921600 and fast.proven)
        data = bytes(range(256)) * 64
        start = time.monotonic()
        assert host.call("echo", data, timeout_s=30) == data
        assert time.monotonic() - start < 2 * len(data) / 11520  # what 115200 takes
        board.reset()  # it wakes at 115200, and is found there
        end = time.monotonic() + 40
        while True:
            try:
                assert host.call("notes", timeout_s=30) == []
                break
            except PicolinkError:
                assert time.monotonic() < end
        faster(lambda: host.call("echo", 1), lambda: fast.baud == 921600 and fast.proven)
        wire.set(UartFaults(cable_baud=460800))
        assert host.call("echo", data[:512], timeout_s=60) == data[:512]
        assert fast.baud == 115200 or not fast.proven
    # A host that comes anew, and knows nothing of rates, finds the board at the base.
    wire.set(UartFaults())
    with picolink.connect(f"uart:{wire.path}?baud=115200", timeout_s=20) as host:
        assert host.call("echo", "slowly") == "slowly"


def faster(job: Callable[[], object], reached: Callable[[], bool], timeout_s: float = 30) -> None:
    """Does `job` until the rate is `reached`."""
    end = time.monotonic() + timeout_s
    while not reached():
        job()
        assert time.monotonic() < end, "the rate did not rise"


def test_a_rate_that_fails_its_trial_is_left(world: World) -> None:
    board = world.board(
        f"b{len(world.boards)}",
        main=CALLED.replace("BAUD", "115200").replace("PEER", ""),
        libs=compile_all(["usb", "uart"]),
        heap_bytes=2_000_000,
    )
    wire = world.uart(board.uart(0), "pty", UartFaults(cable_baud=460800))
    with picolink.connect(f"uart:{wire.path}?fast=921600", timeout_s=8) as host:
        fast = host._client._driver.link.fast
        rates = []
        wait_ms = 0
        while wait_ms < 2000:  # until it was tried twice
            for i in range(len(rates), len(rates) + 10):
                rates.append(fast.baud)
                assert host.call("note", i, timeout_s=60) == i
                assert fast.baud == 115200 or not fast.proven
            wait_ms = fast._wait_ms
        assert host.call("notes", timeout_s=60) == list(range(len(rates)))
        assert rates.count(115200) > len(rates) // 2


def test_boards_agree_on_a_higher_rate(pair: Callable[..., Pair]) -> None:
    two = pair(115200, both=True, options="&fast=921600")
    assert two.host.call("relay", 0, 10, timeout_s=60) == list(range(10))
    data = bytes(range(256)) * 64

    def carry() -> float:
        start = time.monotonic()
        assert two.host.call("carry", data, timeout_s=60)
        return time.monotonic() - start

    faster(lambda: None, lambda: carry() < 0.5 * len(data) / 11520)
    two.called.reset()
    end = time.monotonic() + 40
    while True:
        try:
            assert two.host.call("relay", 0, 3, timeout_s=30) == [0, 1, 2]
            break
        except PicolinkError:
            assert time.monotonic() < end


# Nobody's commands


class Heard(Node):
    """A node whose commands tell that they ran."""

    def __init__(self) -> None:
        super().__init__("heard", b"uid-heard")
        self.ran: list[str] = []
        for name in ("led_on", "echo", "press"):
            self.command(name=name)(lambda *args, name=name: self.ran.append(name))


class Wire:
    """A port whose bytes come from a test."""

    need = 1

    def __init__(self) -> None:
        self.coming = b""
        self.went = b""
        self.now_ms = 0

    def clock(self) -> int:
        return self.now_ms

    def read(self) -> bytes:
        data, self.coming = self.coming, b""
        return data

    def write(self, data: bytes) -> int:
        self.went += data
        return len(data)

    def ahead(self) -> bool:
        return False


class Side:
    """A link with typed lines behind it, as a node has it while no session is attached."""

    def __init__(self) -> None:
        self.node = Heard()
        self.wire = Wire()
        self.link = UartLink(self.wire, None, "uart:0", 115200, 4096)
        self.port = type("Port", (), {"attach": None})
        self.typed = Typed(self)  # type: ignore[arg-type]
        self.link.on_text = self.typed.feed

    def hear(self, data: bytes) -> list[bytes]:
        self.wire.coming = data
        return self.link.receive()


def test_noise_and_each_others_text_run_nothing() -> None:
    """Two nodes answer each other, through noise; a million bytes of it under `make soak`."""
    random = random_for("noise on a wire")
    left, right = Side(), Side()
    total = 0
    while total < count(1_000_000):
        noise = random.bytes(random.between(1, 400))
        if random.chance(0.3):  # much of it looks like lines
            noise = bytes(b % 96 + 32 if b % 9 else 10 for b in noise)
        total += len(noise)
        for side, other in ((left, right), (right, left)):
            said, other.wire.went = other.wire.went, b""
            side.hear(said + noise if random.chance(0.5) else noise + said)
            side.wire.now_ms += random.below(300)
    assert left.node.ran == right.node.ran == []
    left.hear(b"\nled_on\n")
    assert left.node.ran == ["led_on"]


def broken(frame: bytes, random: Random) -> bytes:
    """A frame with a piece missing, bits flipped, or cut short."""
    at = random.below(len(frame))
    kind = random.below(4)
    if kind == 0:
        return frame[at:]
    if kind == 1:
        return frame[:at]
    if kind == 2:
        return frame[:at] + frame[at + random.between(1, 9) :]
    return frame[:at] + bytes((frame[at] ^ 1 << random.below(8),)) + frame[at + 1 :]


def test_damaged_frames_are_counted() -> None:
    side = Side()
    wire = Wire()
    UartLink(wire, None, "uart:0", 115200, 4096).send(bytes(range(64)))
    assert side.link.damaged == 0
    side.hear(wire.went[:30] + bytes((wire.went[30] ^ 1,)) + wire.went[31:])
    assert side.link.damaged == 1 and isinstance(side.link, Counting)


def test_no_part_of_a_broken_frame_is_run() -> None:
    """A file with lines that are commands, on its way in frames that arrive broken."""
    random = random_for("broken frames")
    side = Side()
    content = b"\r\nled_on\r\npress\necho 1\n" * 8
    wire = Wire()
    link = UartLink(wire, None, "uart:0", 115200, 4096)
    for _ in range(count(40_000)):
        wire.went = b""
        link.send(b"\x80" + random.bytes(15) + content[random.below(40) :])
        side.hear(broken(wire.went, random))
        if random.chance(0.2):
            side.wire.now_ms += 300
    assert side.node.ran == []
    assert (
        textstream.decode_body(wire.went, 3, len(wire.went)) is not None
    )  # whole, it is what was sent


def test_noise_on_a_real_wire(pair: Callable[..., Pair]) -> None:
    random = random_for("noise on a real wire")
    two = pair(921600)
    for _ in range(count(100, 5)):
        for end in (0, 1):
            two.wire.noise(end, random.bytes(500) + b"\n")
    assert two.host.call("relay", 0, 3, timeout_s=30) == [0, 1, 2]


# Size, addresses, errors


def test_what_a_board_loads_for_uart() -> None:
    """At most 2 kB more than for USB, with the decoder that USB does without; and 176 bytes, which
    real names cost."""
    usb, uart = (sum(loaded_bytes([group]).values()) for group in ("usb", "uart"))
    each = sizes(["uart"])
    for seldom in (
        "negotiation",
        "refusal",
    ):  # where a side asks for another rate, or nothing works
        uart -= each[f"picolink/links/uart/{seldom}.mpy"]
    more = uart + each["picolink/core/textstream.mpy"] - usb
    print(f"{more} bytes more than USB")
    assert more <= 2048 + 176


def test_paths_of_serial_ports_are_uarts(tmp_path: Path) -> None:
    for path in ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0", "/dev/ttyUSB0"):
        assert normalise(path) == "uart:" + path
    assert normalise("/dev/ttyUSB0?baud=9600") == "uart:/dev/ttyUSB0?baud=9600"
    for path in ("/dev/ttyACM0", str(tmp_path / "usb"), "COM3"):
        assert normalise(path) == "usb:" + path


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("uart:0", BadAddress, ("is a board's", "uart:/dev/serial0")),
        ("uart:", BadAddress, ("which port",)),
        ("uart:/dev/null?bauds=1", BadAddress, ("no option bauds", "baud, fast")),
        ("uart:/dev/null?tx=1", BadAddress, ("no option 'tx' on this computer", "baud and fast")),
        ("uart:/dev/null?baud=fast", BadAddress, ("a baud rate is a number",)),
        ("uart:/nowhere/serial0", CannotConnect, ("no port /nowhere/serial0", "raspi-config")),
        ("uart:/dev/null", CannotConnect, ("no serial port",)),
    ],
)
def test_wrong_addresses_on_the_host(
    address: str, kind: type[PicolinkError], words: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        picolink.connect(address)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_ports_that_cannot_be_had(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = world.uart("pty", "login")
    with pytest.raises(BadAddress, match="can't do 12345 baud; this system knows 9600"):
        picolink.connect(f"uart:{wire.path}?baud=12345")
    with pytest.raises(CannotConnect, match="no picolink node answered") as silent:
        picolink.connect(f"uart:{wire.path}", timeout_s=1)
    assert "\n" not in str(silent.value)
    import pty

    master, slave = pty.openpty()
    from picolink.links.uart.host import open_link

    link = open_link("uart", os.ttyname(slave), {})
    with pytest.raises(PortBusy, match="open already"):
        open_link("uart", os.ttyname(slave), {})
    link.close()
    real_open = os.open

    def refuse(path: str, *more: int) -> int:
        if path == os.ttyname(slave):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *more)

    monkeypatch.setattr(os, "open", refuse)
    assert stat.S_ISCHR(os.stat(os.ttyname(slave)).st_mode)
    with pytest.raises(CannotConnect, match=r"no permission to open .* group"):
        open_link("uart", os.ttyname(slave), {})
    for fd in (master, slave):
        os.close(fd)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("uart:2", "no uart:2: uart:2: a board has uart:0 and uart:1"),
        ("uart:0?tx=4", "can't have TX at pin 4: it can be GP0, GP12, GP16, GP28"),
        ("uart:1?rx=GP1", "can't have RX at pin GP1: it can be GP5, GP9, GP21, GP25"),
        ("uart:0?baud=9", "baud=9: a board's UART does 1200 to 7812500 baud"),
        ("uart:0?speed=9600", "no option speed; there are baud, fast, rx, rxbuf, tx"),
        ("uart:0?rxbuf=99999", "the receive buffer has 512 to 32766 bytes"),
    ],
)
def test_wrong_addresses_on_a_board(world: World, address: str, said: str) -> None:
    board = world.board(
        f"b{len(world.boards)}",
        main="from picolink import Node\nasync def end(): pass\n"
        f"Node('b').run({address!r}, 'uart:1', 'uart:1', end())",
        libs=compile_all(["uart"]),
    )
    board.wait_state("repl")
    lines = board.log_text().splitlines()
    assert lines[0].startswith(f"b: no {address}: ") and said in lines[0]
    assert lines[1:3] == [
        "b: listening on uart:1",
        "b: no uart:1: uart:1 is open already in this program: open it once",
    ]
    board.kill()
