"""The simulated I2C: `machine.I2C` and `machine.I2CTarget` as documented and as measured, the bus
at its pace, the host's /dev/i2c-N below the real smbus2, and every fault that can be asked for."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from picosim import I2cBus, I2cFaults, VirtualBoard, World
from picosim.i2c import host as device
from picosim.i2c.medium import STRETCH_S

smbus2 = pytest.importorskip("smbus2")

CPYTHON_ONLY = "virtual boards"
MEMORY = """
from machine import I2CTarget
mem = bytearray(range(64))
t = I2CTarget(0, 0x43, mem=mem)
print("ready")
"""
HARD = """
from machine import I2CTarget
got, give, flags = bytearray(16), bytearray(16), bytearray(2000)
flag_count = 0
for i in range(16): give[i] = i + 100
def hard(t):
    global flag_count
    f = t.irq().flags()
    flags[flag_count] = f
    flag_count += 1
    if f & t.IRQ_WRITE_REQ:
        t.readinto(got)
    if f & t.IRQ_READ_REQ:
        t.write(give)
t = I2CTarget(0, 0x43)
t.irq(hard, 63, True)
print("ready")
"""


def ran(world: World, source: str, *others: VirtualBoard, pull_ups: bool = True) -> list[str]:
    """What a controller's program prints, with the targets of others on its bus."""
    board = world.board("controller", main=source + "\nprint('end')", start=False)
    world.i2c(board.i2c(0), *(other.i2c(0) for other in others), pull_ups=pull_ups)
    board.start()
    board.wait_printed("end\r", 30)
    return board.log_text().split("end\r")[0].splitlines()


def target(world: World, main: str = MEMORY, **options: str) -> VirtualBoard:
    board = world.board("target", main=main, **options)
    board.wait_printed("ready")
    return board


def hosted(world: World, main: str = MEMORY, **options: object) -> tuple[VirtualBoard, I2cBus]:
    board = world.board("target", main=main)
    bus = world.i2c_host(1, board.i2c(0), **options)
    board.wait_printed("ready")
    return board, bus


def number_of(error: pytest.ExceptionInfo[OSError]) -> int | None:
    return error.value.errno


# machine.I2C


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("2", "I2C(2) doesn't exist"),
        ("0, sda=2", "bad SDA pin"),
        ("0, scl=4", "bad SCL pin"),
        ("1, scl=Pin(5)", "bad SCL pin"),
    ],
)
def test_wrong_settings_are_refused_as_by_the_port(
    world: World, arguments: str, error: str
) -> None:
    for name in ("I2C", "I2CTarget"):
        more = ", addr=8" if name == "I2CTarget" else ""
        board = world.board(
            name, main=f"from machine import Pin, {name}\n{name}({arguments}{more})"
        )
        board.wait_printed("ValueError: " + error.replace("I2C(", name + "("))


def test_settings_are_shown_and_kept(world: World) -> None:
    lines = ran(
        world,
        "from machine import I2C, Pin\ni = I2C()\nprint(i)\nprint(I2C(0) is i)\n"
        "print(I2C(1, 100_000, sda=Pin(2), scl=3, timeout=1000))\nprint(I2C(1))",
    )
    assert lines == [
        "I2C(0, freq=399361, scl=5, sda=4, timeout=50000)",
        "True",
        "I2C(1, freq=100000, scl=3, sda=2, timeout=1000)",
        "I2C(1, freq=100000, scl=3, sda=2, timeout=1000)",
    ]


def test_a_controller_reads_and_writes(world: World) -> None:
    lines = ran(
        world,
        "from machine import I2C\ni = I2C(0, freq=100_000)\nprint(i.scan())\n"
        "print(i.writeto(0x43, b'\\x05'), i.readfrom(0x43, 3))\n"
        "print(i.writevto(0x43, (b'\\x08', bytearray(b'AB'), memoryview(b'C'))))\n"
        "print(i.readfrom_mem(0x43, 7, 5))\n"
        "i.writeto_mem(0x43, 9, b'xy')\nb = bytearray(4)\ni.readfrom_mem_into(0x43, 8, b)\n"
        "print(b)\ni.writeto(0x43, b'\\x01', False)\ni.readfrom_into(0x43, b)\nprint(b)",
        target(world),
    )
    assert lines == [
        "[67]",
        r"1 b'\x05\x06\x07'",
        "4",
        r"b'\x07ABC\x0b'",
        r"bytearray(b'Axy\x0b')",
        r"bytearray(b'\x01\x02\x03\x04')",
    ]


def test_what_a_controller_can_not_do_raises_as_on_the_board(world: World) -> None:
    lines = ran(
        world,
        "from machine import I2C\ni = I2C(0, freq=100_000)\n"
        "def tried(f, *a, **k):\n"
        " try: print('no error:', f(*a, **k))\n"
        " except Exception as e: print(type(e).__name__, e)\n"
        "tried(i.readfrom, 0x44, 1)\ntried(i.writeto, 0x44, b'x')\ntried(i.start)\n"
        "tried(i.stop)\ntried(i.init)\ntried(i.readfrom_mem, 0x43, 0, 1, addrsize=7)\n"
        "tried(i.readfrom, 0x43, 0)\ntried(i.readfrom, 0x43, 600)",
        target(world),
    )
    assert lines == [
        "OSError [Errno 5] EIO",
        "OSError [Errno 5] EIO",
        "OSError I2C operation not supported",
        "OSError I2C operation not supported",
        "OSError I2C operation not supported",
        "ValueError invalid addrsize",
        "OSError [Errno 5] EIO",
        "OSError [Errno 110] ETIMEDOUT",  # 54 ms at 100 kHz; the timeout is 50
    ]


@pytest.mark.parametrize("frequency_hz", [50_000, 100_000, 400_000])
def test_bits_take_their_time(world: World, frequency_hz: int) -> None:
    lines = ran(
        world,
        f"from machine import I2C\nimport time\ni = I2C(0, freq={frequency_hz}, timeout=900_000)\n"
        "i.readfrom(0x43, 1)\nt = time.ticks_us()\nfor n in range(10): i.readfrom(0x43, 200)\n"
        "print(time.ticks_diff(time.ticks_us(), t))",
        target(world),
    )
    bits = 10 * (1 + 9 + 200 * 9 + 1)
    shortest_us = bits / frequency_hz * 1e6
    assert shortest_us * 0.98 <= int(lines[0]) < shortest_us * 1.5 + 300_000


def test_bits_are_counted(world: World) -> None:
    _, bus = hosted(world)
    with smbus2.SMBus(1) as host:
        before = bus.counts()
        host.read_byte_data(0x43, 1)
        after = bus.counts()
        assert after["bits"] - before["bits"] == 10 + 9 + 10 + 9 + 1
        assert after["transfers"] - before["transfers"] == 1
        assert after["bytes"] - before["bytes"] == 2
        with pytest.raises(OSError):
            host.read_byte(0x50)
        last = bus.counts()
        assert last["bits"] - after["bits"] == 11 and last["nacks"] - after["nacks"] == 1
        assert last["elapsed_us"] > after["elapsed_us"]


# machine.I2CTarget in memory mode


def test_a_pointer_and_memory(world: World) -> None:
    _, _ = hosted(world)
    with smbus2.SMBus(1) as host:
        host.write_byte(0x43, 10)  # the pointer alone
        assert host.read_byte(0x43) == 10
        assert host.read_byte(0x43) == 12  # a read of n moves it n + 1
        assert host.read_i2c_block_data(0x43, 20, 4) == [20, 21, 22, 23]
        assert host.read_byte(0x43) == 25
        host.write_i2c_block_data(0x43, 62, [1, 2, 3])  # past the end: round to the begin
        assert host.read_i2c_block_data(0x43, 62, 4) == [1, 2, 3, 1]
        host.write_byte(0x43, 64 + 5)  # modulo the size
        assert host.read_byte(0x43) == 5
        host.write_word_data(0x43, 30, 0x1234)
        assert host.read_word_data(0x43, 30) == 0x1234
        assert host.process_call(0x43, 40, 0xABCD) == 0x2B2A
        host.write_quick(0x43)


def test_the_memory_is_the_programs_own(world: World) -> None:
    board, _ = hosted(
        world,
        "from machine import I2CTarget, Pin\nfrom array import array\n"
        "mem = array('H', [0x0102, 0x0304])\nt = I2CTarget(0, 0x43, mem=memoryview(mem))\n"
        "print('ready')\nwhile not Pin(15).value():\n pass\nmem[1] = mem[0] + 1\n"
        "while Pin(15).value():\n pass\ntry: I2CTarget(0, 0x43, mem=b'constant')\n"
        "except TypeError: print('not writable')",
    )
    with smbus2.SMBus(1) as host:
        assert host.read_i2c_block_data(0x43, 0, 4) == [2, 1, 4, 3]
        host.write_i2c_block_data(0x43, 0, [0x34, 0x12])
        board.pin(15).set(1)
        end = time.monotonic() + 5
        while host.read_i2c_block_data(0x43, 2, 2) != [0x35, 0x12]:
            assert time.monotonic() < end
        board.pin(15).set(0)
        board.wait_printed("not writable")


def test_memory_is_answered_while_python_is_busy(world: World) -> None:
    board, _ = hosted(
        world,
        MEMORY + "import gc, time\nt0 = time.ticks_ms()\n"
        "while time.ticks_diff(time.ticks_ms(), t0) < 60_000: gc.collect()",
    )
    with smbus2.SMBus(1) as host:
        for n in range(50):
            host.write_byte_data(0x43, 3, n)
            assert host.read_byte_data(0x43, 3) == n
    assert board.state == "main"


def test_slices_tear_and_single_bytes_do_not(world: World) -> None:
    board, _ = hosted(
        world,
        "from machine import I2CTarget\nmem = bytearray(64)\nt = I2CTarget(0, 0x43, mem=mem)\n"
        "print('ready')\nones, zeros = b'\\xff' * 32, bytes(32)\n"
        "while True:\n mem[:32] = ones\n mem[:32] = zeros\n",
        controller="gpio",
    )
    seen = set()
    with smbus2.SMBus(1) as host:
        end = time.monotonic() + 20
        while time.monotonic() < end and not any(0 in s and 0xFF in s for s in seen):
            seen.add(tuple(host.read_i2c_block_data(0x43, 0, 32)))
    assert any(0 in s and 0xFF in s for s in seen), "no read saw half a write"
    assert {byte for s in seen for byte in s} <= {0, 0xFF}


def test_soft_events_are_hints(world: World) -> None:
    board, _ = hosted(
        world,
        MEMORY + "import time\nn = 0\ndef on(t):\n global n\n n += 1\n"
        " print('event', t.irq().flags(), t.memaddr, n)\n"
        "irq = t.irq(on)\nprint('irq', irq.trigger(), t.irq() is irq)",
    )
    assert board.wait_printed("irq ") == "48 True"
    with smbus2.SMBus(1) as host:
        host.write_byte(0x43, 7)  # the pointer alone: no event
        host.read_byte(0x43)
        assert board.wait_printed("event ") == "16 7 1"
        host.write_byte_data(0x43, 9, 1)
        assert board.wait_printed("event 32") == " 9 2"
        host.write_quick(0x43)  # addressed and nothing written: that is one
        assert board.wait_printed("event 32 9 ") == "2"
        board.wait_printed("event 32 9 3")


def test_soft_events_merge(world: World) -> None:
    board, _ = hosted(
        world,
        MEMORY + "import machine, time\nfrom machine import Pin\nn = 0\ndef on(t):\n global n\n"
        " n += 1\nt.irq(on, t.IRQ_END_WRITE)\nstate = machine.disable_irq()\nprint('off')\n"
        "while not Pin(15).value(): pass\n"
        "machine.enable_irq(state)\ntime.sleep_ms(50)\nprint('calls', n, mem[1])",
    )
    board.wait_printed("off")
    with smbus2.SMBus(1) as host:
        for n in range(30):
            host.write_byte_data(0x43, 1, n)
    board.pin(15).set(1)
    calls, last = board.wait_printed("calls ").split()
    assert 1 <= int(calls) < 30 and last == "29"


def test_events_that_need_a_hard_handler_say_so(world: World) -> None:
    board = world.board(
        "b",
        main="from machine import I2CTarget\nt = I2CTarget(0, 8, mem=bytearray(8))\n"
        "for bit in range(6):\n"
        " try: t.irq(lambda t: None, 1 << bit)\n"
        " except ValueError as e: print(1 << bit, e)\nt.irq(lambda t: None, 63, hard=True)\n"
        "try: I2CTarget(0, 8, mem=bytearray(8), mem_addrsize=12)\n"
        "except ValueError as e: print(e)\n"
        "print('end')",
    )
    board.wait_printed("end")
    assert board.log_text().splitlines()[:5] == [
        *(f"{flag} hard IRQ required" for flag in (1, 2, 4, 8)),
        "mem_addrsize must be 0, 8, 16, 24 or 32",
    ]


def test_wide_pointers_misread_now_and_then(world: World) -> None:
    _, _ = hosted(
        world,
        "from machine import I2CTarget\nmem = bytearray(512)\n"
        "for i in range(256, 512): mem[i] = 1\n"
        "t = I2CTarget(0, 0x43, mem=mem, mem_addrsize=16)\nprint('ready')",
        controller="gpio",
    )
    got = []
    with smbus2.SMBus(1) as host:
        for _ in range(400):
            write, read = smbus2.i2c_msg.write(0x43, [1, 7]), smbus2.i2c_msg.read(0x43, 1)
            host.i2c_rdwr(write, read)
            got.append(next(iter(read)))
    assert 0 < got.count(0) < 40  # the byte at 7 in the place of the one at 263


def test_deinit_is_a_clean_no(world: World) -> None:
    board, _ = hosted(
        world,
        MEMORY + "from machine import Pin\nwhile not Pin(15).value(): pass\nt.deinit()\n"
        "print('gone')\nwhile Pin(15).value(): pass\nt = I2CTarget(0, 0x44, mem=mem)\n"
        "print('back')",
    )
    with smbus2.SMBus(1) as host:
        assert host.read_byte_data(0x43, 5) == 5
        board.pin(15).set(1)
        board.wait_printed("gone")
        with pytest.raises(OSError) as error:
            host.read_byte_data(0x43, 5)
        assert number_of(error) == errno.EREMOTEIO
        board.pin(15).set(0)
        board.wait_printed("back")
        assert host.read_byte_data(0x44, 5) == 5


# machine.I2CTarget without memory


def test_without_memory_a_hard_handler_serves_each_byte(world: World) -> None:
    board, bus = hosted(world, HARD, controller="gpio")
    with smbus2.SMBus(1) as host:
        host.write_i2c_block_data(0x43, 1, [2, 3])
        assert host.read_byte(0x43) == 100
        assert host.read_byte(0x43) == 100  # what was left in the FIFO is thrown away
        assert bus.counts()["stretched"] == 2
        messages = smbus2.i2c_msg.read(0x43, 20)
        host.i2c_rdwr(messages)
        assert list(messages) == [*range(100, 116), *range(100, 104)]


def test_a_handler_that_allocates_is_switched_off_and_holds_the_clock(world: World) -> None:
    board, bus = hosted(
        world,
        "from machine import I2CTarget, Pin\ndef hard(t):\n t.write(bytes([1, 2]) + b'x')\n"
        "t = I2CTarget(0, 0x43)\nt.irq(hard, t.IRQ_READ_REQ, True)\nprint('ready')\n"
        "while not Pin(15).value(): pass\nt.deinit()\nprint('free')\n"
        "t = I2CTarget(0, 0x43, mem=bytearray(b'\\x2a'))\nprint('again')",
    )
    with smbus2.SMBus(1) as host:
        with pytest.raises(OSError) as error:
            host.read_byte(0x43)
        assert number_of(error) == errno.EIO  # 35 ms were enough for a Raspberry Pi
        board.wait_printed("MemoryError")
        with pytest.raises(OSError) as error:
            host.read_byte(0x44)  # nobody gets through any more
        assert number_of(error) == errno.ETIMEDOUT
        board.pin(15).set(1)
        board.wait_printed("again")
        assert host.read_byte(0x43) == 0x2A


def test_without_a_handler_it_gives_zeros_and_takes_all(world: World) -> None:
    _, _ = hosted(world, "from machine import I2CTarget\nt = I2CTarget(0, 0x43)\nprint('ready')")
    with smbus2.SMBus(1) as host:
        host.write_i2c_block_data(0x43, 1, list(range(32)))
        assert host.read_i2c_block_data(0x43, 1, 4) == [0, 0, 0, 0]


def test_hard_events_in_order(world: World) -> None:
    board, _ = hosted(
        world,
        HARD + "while flag_count < 7: pass\nprint('flags', [flags[i] for i in range(flag_count)])",
        controller="gpio",
    )
    with smbus2.SMBus(1) as host:
        host.write_byte(0x43, 1)
        assert host.read_byte(0x43) == 100
    # addressed, a byte, the end; addressed, a byte wanted, one more for nobody, the end
    assert board.wait_printed("flags ") == "[2, 8, 32, 1, 4, 4, 16]"


# What is hard on a target


def test_a_flash_write_holds_reads_and_can_scramble(world: World) -> None:
    board, bus = hosted(
        world,
        MEMORY + "from machine import Pin\nimport time\nf = open('x', 'w')\n"
        "while True:\n f.seek(0); f.write('d' * 3000); f.flush(); time.sleep_ms(2)",
        controller="gpio",
    )
    held, wrong, none = 0, 0, 0
    with smbus2.SMBus(1) as host:
        for _ in range(60):
            start = time.monotonic()
            try:
                wrong += host.read_i2c_block_data(0x43, 0, 8) != list(range(8))
            except OSError:
                none += 1  # it hangs, and holds SDA low
                break
            held += time.monotonic() - start > 0.01
    assert held and (wrong or none)


def test_a_soft_reset_in_the_middle_reads_ones_then_nothing(world: World) -> None:
    board, _ = hosted(
        world,
        "from machine import I2CTarget, Pin, soft_reset\nmem = bytearray(64)\n"
        "t = I2CTarget(0, 0x43, mem=mem)\nprint('ready')\n"
        "import time\nwhile not mem[60]: pass\ntime.sleep_ms(80)\nsoft_reset()",
        baudrate=10_000,
    )
    with smbus2.SMBus(1) as host:
        write = smbus2.i2c_msg.write(0x43, [60, 1, 0, 0, 0])
        read = smbus2.i2c_msg.read(0x43, 250)  # 225 ms
        host.i2c_rdwr(write, read)
        data = bytes(read)
        assert data[-1] == 0xFF and data.strip(b"\xff")[:1] == b"\x00"
    board.wait_state("main", "repl")


def test_a_reset_board_answers_again(world: World) -> None:
    board, _ = hosted(world)
    refused = 0
    with smbus2.SMBus(1) as host:
        host.write_byte_data(0x43, 1, 77)
        pressed = threading.Thread(target=board.reset)
        pressed.start()
        end = time.monotonic() + 20
        got = 77
        while got != 1:
            assert time.monotonic() < end
            try:
                got = host.read_byte_data(0x43, 1)
                assert got in (77, 0xFF, 1)
            except OSError as error:
                assert error.errno == errno.EREMOTEIO
                refused += 1
        pressed.join()
    assert refused


def test_a_controller_that_is_reset_in_the_middle_can_leave_sda_low(world: World) -> None:
    shed = target(world)
    desk = world.board(
        "desk",
        main="from machine import I2C, Pin, soft_reset\n"
        "sda = Pin(4, Pin.IN, Pin.PULL_UP).value()\ni = I2C(0, freq=10_000, timeout=900_000)\n"
        "def told(what, f, *a):\n try: print(what, f(*a))\n except OSError as e: print(what, e)\n"
        "if not sda:\n told('stuck', i.readfrom, 0x43, 1)\n told('probed', i.scan)\n"
        " told('free', i.readfrom_mem, 0x43, 5, 1)\n"
        "else:\n i.readfrom(0x43, 800)",
        start=False,
    )
    bus = world.i2c(shed.i2c(0), desk.i2c(0), pull_ups=True)
    desk.start()
    end = time.monotonic() + 30
    while "free" not in desk.log_text():  # every other reset comes while a 1 is sent
        assert time.monotonic() < end
        before = bus.counts()["bytes"]
        while bus.counts()["bytes"] < before + 20 and "free" not in desk.log_text():
            assert time.monotonic() < end
        if "stuck" not in desk.log_text():
            desk.reset()
    assert desk.wait_printed("stuck ") == "[Errno 110] ETIMEDOUT"
    assert desk.wait_printed("probed ").startswith("[8, 67]")  # the first seems to answer
    assert desk.wait_printed("free ") == r"b'\x05'"


def test_firmware_without_targets(world: World) -> None:
    board = world.board(
        "old",
        main="import machine, sys, os\nprint(hasattr(machine, 'I2CTarget'), "
        "sys.implementation.version, os.uname().release)",
        firmware="1.25.0",
    )
    assert board.wait_printed("False ") == "(1, 25, 0, '') 1.25.0"
    with pytest.raises(ValueError, match="give a version of MicroPython"):
        world.board("odd", firmware="newest")


# Faults


def test_nobody_there_is_a_nack(world: World) -> None:
    lines = ran(
        world,
        "from machine import I2C\ni = I2C(0)\ntry: i.readfrom(0x43, 1)\n"
        "except OSError as e: print(e)\nprint(i.scan())",
    )
    assert lines == ["[Errno 5] EIO", "[]"]


def test_nacks_by_chance(world: World) -> None:
    _, bus = hosted(world, faults=I2cFaults(nack=0.3))
    failed = 0
    with smbus2.SMBus(1) as host:
        for _ in range(100):
            try:
                assert host.read_byte_data(0x43, 4) == 4
            except OSError as error:
                assert error.errno == errno.EREMOTEIO
                failed += 1
    assert 30 < failed < 75  # either address of a transfer


@pytest.mark.parametrize("line", ["sda", "scl"])
def test_a_line_that_is_held_low(world: World, line: str) -> None:
    board = target(world)
    other = world.board(
        "controller",
        main="from machine import I2C, Pin\ni = I2C(0)\nprint('ready')\n"
        "while not Pin(15).value(): pass\ntry: i.readfrom(0x43, 1)\nexcept OSError as e: print(e)\n"
        + ("print(len(i.scan()))\n" if line == "sda" else "")
        + "print('lines', Pin(4, Pin.IN, Pin.PULL_UP).value(), Pin(5, Pin.IN, Pin.PULL_UP).value())"
        "\nwhile Pin(15).value(): pass\nprint('mended', I2C(0).readfrom_mem(0x43, 1, 1))",
    )
    bus = world.i2c(board.i2c(0), other.i2c(0), pull_ups=True)
    other.wait_printed("ready")
    bus.set(I2cFaults(sda_low=line == "sda", scl_low=line == "scl"))
    other.pin(15).set(1)
    assert other.wait_printed("lines ") == ("0 1" if line == "sda" else "1 0")
    told = other.log_text().splitlines()
    assert told[1] == "[Errno 110] ETIMEDOUT"
    if line == "sda":
        assert told[2] == "112"  # every address seems to answer
    bus.set(I2cFaults())
    other.pin(15).set(0)
    assert other.wait_printed("mended ") == r"b'\x01'"


def test_without_pull_ups_bytes_go_wrong(world: World) -> None:
    lines = ran(
        world,
        "from machine import I2C, Pin\n"
        "print(Pin(4, Pin.IN, Pin.PULL_DOWN).value())\n"
        "for hz in (10_000, 100_000, 400_000):\n i = I2C(0, freq=hz)\n good = 0\n"
        " for n in range(30):\n"
        "  try: good += i.readfrom_mem(0x43, 60, 2) == b'\\x3c\\x3d'\n"
        "  except OSError: pass\n print(good)",
        target(world),
        pull_ups=False,
    )
    assert lines[0] == "0"
    good = [int(line) for line in lines[1:]]
    assert good[0] > 15 > good[1] and good[2] == 0


def test_pull_ups_show_at_the_pins(world: World) -> None:
    lines = ran(
        world,
        "from machine import Pin\nprint(Pin(4, Pin.IN, Pin.PULL_DOWN).value())",
        target(world),
    )
    assert lines == ["1"]


def test_bits_flip_by_the_seed(world: World) -> None:
    results = []
    for _ in range(2):
        with World(seed=5) as own:
            _, bus = hosted(own, faults=I2cFaults(flipped=0.1, stretched=0))
            with smbus2.SMBus(1) as host:
                got: list[object] = []
                for n in range(60):
                    try:
                        got.append(host.read_byte_data(0x43, n))
                    except OSError as error:
                        got.append(error.errno)
            assert bus.counts()["flipped"] > 0
            results.append(got)
    assert results[0] == results[1] and results[0] != list(range(60))


def test_a_raspberry_pi_misreads_what_is_stretched(world: World) -> None:
    _, bus = hosted(world, faults=I2cFaults(stretched=0.2))
    with smbus2.SMBus(1) as host:
        got = [host.read_byte_data(0x43, 3) for _ in range(100)]
    counts = bus.counts()
    assert counts["misread"] == counts["stretched"] == sum(byte != 3 for byte in got) > 5
    assert set(got) == {3, 7}


def test_a_raspberry_pi_misreads_some_of_what_comes_much_later(world: World) -> None:
    _, bus = hosted(world, HARD)
    with smbus2.SMBus(1) as host:
        got = [host.read_byte(0x43) for _ in range(200)]
    assert set(got) == {100, 201}
    assert bus.counts()["stretched"] >= 200
    assert 1 <= bus.counts()["misread"] == got.count(201) < 40


def test_two_pins_of_a_pi_wait_for_what_is_stretched(world: World) -> None:
    _, bus = hosted(world, controller="gpio", faults=I2cFaults(stretched=0.5))
    with smbus2.SMBus(1) as host:
        assert {host.read_byte_data(0x43, 3) for _ in range(50)} == {3}
        with pytest.raises(OSError) as error:
            host.read_byte(0x44)
        assert number_of(error) == errno.ENXIO
    assert bus.counts()["stretched"] > 10 and bus.counts()["misread"] == 0


@pytest.mark.parametrize(("baudrate", "low", "high"), [(200_000, 0.2, 0.4), (400_000, 1, 1)])
def test_the_faster_the_more_is_stretched(
    world: World, baudrate: int, low: float, high: float
) -> None:
    _, bus = hosted(world, controller="gpio", baudrate=baudrate)
    with smbus2.SMBus(1) as host:
        for _ in range(20):
            host.read_i2c_block_data(0x43, 0, 32)
    assert low <= bus.counts()["stretched"] / 640 <= high
    assert STRETCH_S < 2e-6


def test_cut_and_mended(world: World) -> None:
    _, bus = hosted(world)
    with smbus2.SMBus(1) as host:
        bus.cut()
        with pytest.raises(OSError) as error:
            host.read_byte(0x43)
        assert number_of(error) == errno.EREMOTEIO
        bus.mend()
        assert host.read_byte_data(0x43, 2) == 2


def test_a_bus_that_is_not_enabled_or_not_permitted(world: World) -> None:
    _, bus = hosted(world, faults=I2cFaults(not_enabled=True))
    with pytest.raises(FileNotFoundError, match="/dev/i2c-1"):
        smbus2.SMBus(1)
    bus.set(I2cFaults(not_permitted=True))
    with pytest.raises(PermissionError, match="/dev/i2c-1"):
        smbus2.SMBus(1)
    bus.set(I2cFaults())
    smbus2.SMBus(1).close()


def test_another_chip_on_the_bus(world: World) -> None:
    _, bus = hosted(world)
    bus.chip(0x76, bytes([0x58, 1, 2, 3]))
    with smbus2.SMBus(1) as host:
        assert host.read_byte_data(0x76, 0) == 0x58
        host.write_byte_data(0x76, 2, 9)
        assert host.read_i2c_block_data(0x76, 1, 3) == [1, 9, 3]
        assert host.read_byte_data(0x43, 1) == 1


# The host's side


def test_what_the_adapters_of_a_pi_can_not_do(world: World) -> None:
    hosted(world)
    with smbus2.SMBus(1) as host:
        assert host.funcs & smbus2.I2cFunc.I2C and not host.funcs & smbus2.I2cFunc.SMBUS_PEC
        reads = [smbus2.i2c_msg.read(0x43, 1) for _ in range(2)]
        with pytest.raises(OSError) as error:
            host.i2c_rdwr(*reads)  # one read, and that at the end
        assert number_of(error) == errno.EOPNOTSUPP
        with pytest.raises(OSError) as error:
            host.read_block_data(0x43, 1)
        assert number_of(error) == errno.EOPNOTSUPP
        with pytest.raises(OSError) as error:
            host.read_byte(0x80)
        assert number_of(error) == errno.EINVAL


def test_what_is_no_virtual_bus_is_the_kernels() -> None:
    assert device.install()
    with pytest.raises(FileNotFoundError, match="/dev/i2c-77"):
        smbus2.SMBus(77)


def test_two_programs_on_one_bus(world: World) -> None:
    hosted(world)
    with smbus2.SMBus(1) as one, smbus2.SMBus(1) as other:
        for n in range(20):
            one.write_byte_data(0x43, 1, n)
            other.write_byte_data(0x43, 2, n)
            assert (one.read_byte_data(0x43, 2), other.read_byte_data(0x43, 1)) == (n, n)


def test_a_device_can_be_locked(world: World) -> None:
    hosted(world)
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0x43, 1, 0)
    with smbus2.SMBus(1) as one, smbus2.SMBus(1) as other:
        fcntl.fcntl(one.fd, fcntl.F_OFD_SETLK, lock)
        with pytest.raises(BlockingIOError):
            fcntl.fcntl(other.fd, fcntl.F_OFD_SETLK, lock)
        one.close()
        fcntl.fcntl(other.fd, fcntl.F_OFD_SETLK, lock)


@pytest.mark.parametrize("module", ["smbus2", "smbus"])
def test_a_script_of_another_process(world: World, tmp_path: Path, module: str) -> None:
    hosted(world)
    script = tmp_path / "lamp.py"
    script.write_text(
        f"import sys\nfrom {module} import SMBus\nbus = SMBus(1)\n"
        "bus.write_byte_data(0x43, 0, 1)\nprint(bus.read_byte_data(0x43, 0), sys.argv[1:])\n"
    )
    command = [sys.executable, "-m", "picosim.i2c", str(script), "one", "two"]
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "1 ['one', 'two']\n", done.stderr


@pytest.mark.parametrize("as_json", [False, True])
def test_a_world_for_people_names_the_bus(tmp_path: Path, as_json: bool) -> None:
    file = tmp_path / "world.toml"
    file.write_text('[board.lamp]\n[[i2c]]\nboards = ["lamp.i2c0"]\nhost = 5\n')
    code = (
        "import sys; from picosim import World; from picosim.cli import run_world; "
        f"sys.exit(run_world(lambda: World.from_toml({str(file)!r}), json={as_json}))"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(2)][1]
        assert said == '{"i2c_bus": 5}\n' if as_json else said.split()[:2] == ["I2C", "/dev/i2c-5"]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_a_world_from_toml(world: World, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(MEMORY.replace("mem=mem", "mem=mem, sda=0, scl=1"))
    file = tmp_path / "world.toml"
    file.write_text(
        '[board.lamp]\nmain = "main.py"\nfirmware = "1.27.0"\n[[i2c]]\n'
        'boards = ["lamp.i2c0"]\npins = {lamp = [0, 1]}\n'
        'host = 3\nchips = {"0x20" = "0a0b"}\nflipped = 0.0\n'
    )
    with World.from_toml(file) as own:
        own.boards["lamp"].wait_printed("ready")
        with smbus2.SMBus(3) as host:
            assert host.read_byte_data(0x43, 9) == 9
            assert host.read_byte_data(0x20, 1) == 0x0B


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[[i2c]]\nboards = ["a.uart0"]', 'write "board.i2c0"'),
        ('[[i2c]]\nboards = ["a.i2c0"]\npins = {a = [2, 3]}', "GP2 is no SDA pin of I2C 0"),
        ('[[i2c]]\nboards = ["a.i2c0"]\ncontroler = "pi"', "which means nothing"),
        ('[[i2c]]\nhost = 1\ncontroller = "bus pirate"', "is no controller of a host"),
    ],
)
def test_wrong_worlds_say_why(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "world.toml").write_text("[board.a]\nstart = false\n" + text)
    with pytest.raises(ValueError, match=error):
        World.from_toml(tmp_path / "world.toml")


def test_pins_that_wires_do_not_hang_at_hear_nothing(world: World) -> None:
    board = world.board("target", main=MEMORY)
    world.i2c_host(1, board.i2c(0, 8, 9))
    board.wait_printed("ready")
    with smbus2.SMBus(1) as host, pytest.raises(OSError):
        host.read_byte(0x43)


def test_a_block_without_wires(world: World) -> None:
    board = world.board(
        "b",
        main="from machine import I2C\ni = I2C(0)\ntry: i.writeto(8, b'1')\n"
        "except OSError as e: print(e)\nprint(i.scan(), 'end')",
    )
    board.wait_printed("end")
    assert board.log_text().splitlines()[:2] == ["[Errno 5] EIO", "[] end"]
