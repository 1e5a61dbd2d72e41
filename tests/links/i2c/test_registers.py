"""Plain registers of a board, written and read as scripts with smbus2 do."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal

import picolink
from picolink.packing import compile_all
from picolink.packing.contents import board_sources
from picosim import I2cBus, VirtualBoard, World

smbus2 = pytest.importorskip("smbus2")

CPYTHON_ONLY = "virtual boards"
HEAD = """
from machine import Pin
from picolink import Node
node = Node("shed")
led = Pin("LED", Pin.OUT)
node.register(0, led.value)
"""
MAILBOX, BARE = "i2c-target:0/0x43", "i2c-registers:0/0x43"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=1) as world:
        yield world


def shed(world: World, scheme: str, more: str = "") -> tuple[VirtualBoard, I2cBus]:
    board = world.board(
        "shed", main=f'{HEAD}{more}\nnode.run("{scheme}", "usb:")', libs=compile_all(["usb", "i2c"])
    )
    # Two pins as controller: what a Raspberry Pi misreads is tested with the simulator itself.
    bus = world.i2c_host(1, board.i2c(0, 0, 1), controller="gpio")
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"listening on usb:")
    return board, bus


def eventually(host: Any, register: int, value: int) -> None:
    end = time.monotonic() + 10
    while host.read_byte_data(0x43, register) != value:
        assert time.monotonic() < end


# Beside the mailbox


def test_a_register_sets_and_gives_the_lamp(world: World) -> None:
    board, _ = shed(world, MAILBOX)
    with smbus2.SMBus(1) as host:
        for value in (1, 0, 1):
            host.write_byte_data(0x43, 0, value)
            assert host.read_byte_data(0x43, 0) == value
            board.pin("LED").wait(value)


def test_the_page_s_board(world: World) -> None:
    page = Path(__file__).parents[3] / "docs" / "snippets" / "registers_board.py"
    board = world.board("shed", main=page, libs=compile_all(["usb", "i2c"]))
    board.adc(4).set_celsius(23.5)
    world.i2c_host(1, board.i2c(0, 0, 1), controller="gpio")
    with Terminal(board.usb_path) as terminal, smbus2.SMBus(1) as host:
        terminal.expect(b"listening on usb:")
        end = time.monotonic() + 10
        while host.read_byte_data(0x43, 1) not in (22, 23, 24):
            assert time.monotonic() < end
        host.write_byte_data(0x43, 0, 1)
        board.pin("LED").wait(1)


def test_what_the_board_changes_shows(world: World) -> None:
    shed(
        world, MAILBOX,
        "count = 0\n@node.register(3, every_s=0.02, write=False)\ndef counted():\n global count\n"
        " count += 1\n return count\n"
        "@node.command(value='0..1')\ndef lamp(value):\n led.value(value)\n",
    )  # fmt: skip
    with picolink.connect("usb:shed") as usb, smbus2.SMBus(1) as host:
        usb.call("lamp", 1)
        eventually(host, 0, 1)
        usb.call("lamp", 0)
        eventually(host, 0, 0)
        first = host.read_byte_data(0x43, 3)
        eventually(host, 3, (first + 5) & 0xFF)


def test_registers_keep_what_nobody_minds_and_undo_what_is_read_only(world: World) -> None:
    shed(
        world, MAILBOX,
        "got = []\n@node.register(1, write=False)\ndef seven():\n return 7\n"
        "@node.register(2)\ndef noted(byte=None):\n if byte is not None: got.append(byte)\n"
        "@node.command()\ndef noted_so_far():\n return got\n",
    )  # fmt: skip
    with picolink.connect("usb:shed") as usb, smbus2.SMBus(1) as host:
        eventually(host, 1, 7)
        host.write_i2c_block_data(0x43, 1, [99, 5, 6])
        eventually(host, 1, 7)
        assert host.read_i2c_block_data(0x43, 0, 5) == [0, 7, 5, 6, 0]
        assert usb.call("noted_so_far") == [5]


def test_a_function_that_raises_is_told_and_the_rest_goes_on(world: World) -> None:
    board, _ = shed(
        world, MAILBOX, "@node.register(1)\ndef wrong(byte=None):\n"
        " if byte == 9: raise ValueError('nine')\n",
    )  # fmt: skip
    with Terminal(board.usb_path) as terminal, smbus2.SMBus(1) as host:
        host.write_byte_data(0x43, 1, 9)
        terminal.expect(b"ValueError: nine")
        host.write_byte_data(0x43, 0, 1)
        board.pin("LED").wait(1)
        assert host.read_byte_data(0x43, 1) == 9


def test_a_script_and_picolink_at_once(world: World) -> None:
    shed(world, MAILBOX, "@node.command()\ndef echo(x):\n return x\n")
    with picolink.connect("i2c:1/0x43") as node, smbus2.SMBus(1) as host:
        for n in range(40):
            host.write_byte_data(0x43, 5, n)
            assert node.call("echo", n) == n
            assert host.read_byte_data(0x43, 5) == n


def test_wrong_declarations_say_so(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD + "for n in (0, 16):\n try: node.register(n, led.value)\n"
        " except Exception as e: print(type(e).__name__, e)\n"
        "from picolink import Node\nNode('c').run('i2c-registers:1/0x43')",
        libs=compile_all(["i2c"]),
    )
    board.wait_printed("no i2c-registers")
    told = board.log_text().splitlines()
    assert told[0].startswith("UsageError register 0: there are 0x00 to 0x0F")
    assert told[1].startswith("UsageError register 16:")
    assert "this program has no registers: declare them" in told[2]


# Bare bytes


def test_bare_bytes_set_and_give_the_lamp(world: World) -> None:
    board, _ = shed(world, BARE)
    with smbus2.SMBus(1) as host:
        for value in (1, 0, 1):
            host.write_byte(0x43, value)
            board.pin("LED").wait(value)
            assert host.read_byte(0x43) == value
        host.write_byte_data(0x43, 0, 0)
        board.pin("LED").wait(0)
        host.write_i2c_block_data(0x43, 14, [7, 8])
        block = smbus2.i2c_msg.read(0x43, 18)
        host.i2c_rdwr(block)
        assert list(block) == [0] * 14 + [7, 8, 0, 0]


def test_many_bare_bytes_and_nothing_is_raised(world: World) -> None:
    board, bus = shed(
        world, BARE, "import gc\n@node.register(1)\ndef clean(byte=None):\n gc.collect()"
    )
    with smbus2.SMBus(1) as host:
        for n in range(300):
            host.write_byte(0x43, n & 0xFF)
            host.write_byte_data(0x43, 2, n & 0xFF)
            assert host.read_byte(0x43) in (n & 0xFF, 0, 1)  # the lamp is on or off
    assert bus.counts()["timeouts"] == 0
    assert "Error" not in board.log_text()


def test_the_handler_allocates_nothing(world: World) -> None:
    board = world.board(
        "b",
        main="""
import micropython
from picolink.links.i2c.board_registers import RegisterTarget

class Fake:
    IRQ_READ_REQ, IRQ_WRITE_REQ, IRQ_END_WRITE = 4, 8, 32
    now, there, sent = 0, 0, None
    def __init__(self, number, address, **pins): pass
    def irq(self, handler=None, trigger=0, hard=False):
        assert hard or handler is None
        return self
    def flags(self): return Fake.now
    def readinto(self, buffer):
        for i in range(Fake.there): buffer[i] = i + 5
        return Fake.there
    def write(self, buffer):
        Fake.sent = buffer
        return 1

target = RegisterTarget(0, 0x43, {}, Fake)
for there in (1, 2, 16):
    for flags in (2, 8, 40, 32, 1, 4, 4, 16, 63, 63):
        Fake.now, Fake.there = flags, there
        micropython.heap_lock()
        try:
            target._event(None)
        finally:
            micropython.heap_unlock()
print("allocated nothing")
""",
        files={f"lib/{name}": path for name, path in board_sources(["i2c"]).items()},
    )
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"allocated nothing")


def test_a_quiet_board_is_a_clean_no(world: World) -> None:
    board, _ = shed(
        world, BARE,
        "import asyncio\n@node.command()\nasync def save():\n async with node.quiet():\n"
        "  with open('x', 'w') as f: f.write('d' * 5000)\n"
        "  await asyncio.sleep_ms(300)\n return 'saved'\n",
    )  # fmt: skip
    refused = 0
    with picolink.connect("usb:shed") as usb, smbus2.SMBus(1) as host:
        thread = threading.Thread(target=lambda: usb.call("save"))
        thread.start()
        end = time.monotonic() + 5
        while not refused and time.monotonic() < end:
            try:
                host.read_byte(0x43)
            except OSError as error:
                assert error.errno == errno.ENXIO
                refused += 1
        thread.join()
        assert refused
        host.write_byte(0x43, 1)
        board.pin("LED").wait(1)


def test_what_is_written_while_a_register_is_taken_is_no_less_a_write() -> None:
    class Host:
        def call_by(self, at_ms: int) -> None: ...

    node = picolink.Node("shed")
    node.host = Host()
    memory = bytearray(64)
    written: list[int] = []

    @node.register(2)
    def level(*value: int) -> int:
        written.extend(value)
        if not written:
            memory[2] = 7  # by the controller, as this runs
        return 1

    served = node.registers.serve(memory)  # type: ignore[attr-defined]
    served._tick(0)
    assert memory[2] == 7 and served.pending()
    served.look()
    served._tick(1)
    assert written == [7] and memory[2] == 1 and not served.pending()
