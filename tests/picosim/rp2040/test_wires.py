"""machine.UART, machine.I2C, machine.I2CTarget and machine.Pin of real firmware, on wires between
emulated chips."""

from __future__ import annotations

import pytest

pytest.importorskip("rp2040py", reason="the emulator is not installed (pip install rp2040py)")

from emulated.chip_lab import Lab
from emulated.i2c_host import I2cHost
from emulated.serial_port import Serial
from emulated.together import SerialWire, Together

from picosim.rp2040 import pins, uart
from picosim.rp2040.firmware import Firmware
from picosim.rp2040.i2c_bus import Bus

ADDRESS = 0x43


def two(pico: Firmware) -> tuple[Lab, Lab, Together]:
    one, other = Lab(pico.path, {}), Lab(pico.path, {})
    together = Together(one.chip, other.chip)
    one.pace = other.pace = together
    return one, other, together


@pytest.mark.parametrize("baud", [115200, 921600])
def test_uart_echo_between_two_chips(pico: Firmware, baud: int) -> None:
    one, other, together = two(pico)
    uart.join(one.chip.uarts[0], other.chip.uarts[1])
    together.wires.append(SerialWire(baud))
    other.run(
        "from machine import UART, Timer\n"
        f"u = UART(1, {baud}, txbuf=4096, rxbuf=4096)\n"
        "n = 0\n"
        "def echo(_):\n"
        "    global n\n"
        "    data = u.read(u.any())\n"
        "    if data:\n"
        "        n += u.write(data)\n"
        "timer = Timer(period=2, callback=echo)\n"
    )
    code = (
        "from machine import UART\n"
        "import time\n"
        f"u = UART(0, {baud}, txbuf=4096, rxbuf=4096)\n"
        "data = bytes(range(256)) * 16\n"
        "start = time.ticks_us()\n"
        "u.write(data)\n"
        "back = b''\n"
        "while len(back) < len(data) and time.ticks_diff(time.ticks_us(), start) < 2_000_000:\n"
        "    back += u.read(u.any()) or b''\n"
        "print(back == data, time.ticks_diff(time.ticks_us(), start))\n"
    )
    same, took_us = one.run(code).split()
    assert same == b"True"
    wire_us = 4096 * 10 * 1_000_000 / baud
    assert wire_us < int(took_us) < wire_us * 1.1 + 5_000
    assert other.run("print(n)").strip() == b"4096"


def test_uart_loses_what_nobody_reads(pico: Firmware) -> None:
    one, other, together = two(pico)
    uart.join(one.chip.uarts[0], other.chip.uarts[0])
    together.wires.append(SerialWire(115200))
    other.run("from machine import UART\nu = UART(0, 115200, rxbuf=64)")
    one.run(
        "from machine import UART\nu = UART(0, 115200, txbuf=512)\nu.write(bytes(200))\nu.flush()"
    )
    # 64 in the buffer, 32 in the FIFO.
    assert other.run("print(u.any())").strip() == b"64"
    assert other.chip.uarts[0].heard == 200
    assert other.chip.rp2040.read_uint32(0x40034000 + 0x04) & 1 << 3  # UARTRSR: overrun
    assert other.run("print(len(u.read()), u.any())") == b"96 0\r\n"


def test_uart_break_and_idle_interrupts(pico: Firmware) -> None:
    one, other, together = two(pico)
    uart.join(one.chip.uarts[0], other.chip.uarts[0])
    together.wires.append(SerialWire(115200))
    other.run(
        "from machine import UART\n"
        "u = UART(0, 115200)\n"
        "seen = []\n"
        "u.irq(lambda u: seen.append(u.irq().flags()), UART.IRQ_RXIDLE | UART.IRQ_BREAK)\n"
        "idle, broken = UART.IRQ_RXIDLE, UART.IRQ_BREAK\n"
    )
    one.run(
        "from machine import UART\nimport time\nu = UART(0, 115200)\nu.write(b'hello')\nu.flush()"
    )
    one.run("time.sleep_ms(2)")
    assert other.run("print(seen == [idle], u.read())") == b"True b'hello'\r\n"
    one.run("u.sendbreak()\ntime.sleep_ms(2)\nu.write(b'x')\ntime.sleep_ms(2)")
    assert other.run("print(broken in seen, u.read())") == b"True b'x'\r\n"


def test_uart_at_another_rate_is_garbage(pico: Firmware) -> None:
    lab = Lab(pico.path, {})
    heard = bytearray()
    serial = Serial(lab.chip.uarts[0], 57600, heard.extend)
    lab.run(
        "from machine import UART\nimport time\n"
        "u = UART(0, 115200)\nu.write(b'hello' * 10)\nu.flush()"
    )
    assert heard and b"hello" not in heard
    serial.set_baud(115200)
    heard.clear()
    lab.run("u.write(b'hello')\nu.flush()")
    assert heard == b"hello"
    serial.write(b"and back")
    assert lab.run("time.sleep_ms(2)\nprint(u.read())") == b"b'and back'\r\n"


def test_uart_after_a_reset_of_one_side(pico: Firmware) -> None:
    one, other, together = two(pico)
    uart.join(one.chip.uarts[0], other.chip.uarts[0])
    together.wires.append(SerialWire(115200))
    for lab in (one, other):
        lab.run("from machine import UART\nimport time\nu = UART(0, 115200, txbuf=1024)")
    one.run("u.write(bytes(1000))")  # goes on while the other is reset
    other.chip.reset()
    other._raw = False
    other.text.clear()
    together.run_until(lambda: other.chip.usb.connected, 5)
    other.run(
        "from machine import UART\nimport time\nu = UART(0, 115200)\ntime.sleep_ms(100)\nu.read()"
    )
    one.run("u.write(b'there?')\nu.flush()")
    assert other.run("time.sleep_ms(2)\nprint(u.read())") == b"b'there?'\r\n"


def on_a_bus(pico: Firmware) -> tuple[Lab, Lab, Bus, Together]:
    one, other, together = two(pico)
    bus = Bus()
    one.chip.i2cs[0].join(bus)
    other.chip.i2cs[1].join(bus)
    together.wires.append(bus)
    return one, other, bus, together


TARGET = (
    "from machine import I2CTarget\n"
    "mem = bytearray(range(256))\n"
    f"t = I2CTarget(1, {ADDRESS}, mem=mem, sda=2, scl=3)\n"
)


@pytest.mark.parametrize("hz", [100_000, 400_000])
def test_i2c_memory(pico: Firmware, hz: int) -> None:
    one, other, bus, _ = on_a_bus(pico)
    other.run(TARGET)
    one.run(f"from machine import I2C\nimport time\ni = I2C(0, freq={hz})")
    one.run(
        "data = bytes(i ^ 0x5a for i in range(200))\n"
        f"i.writeto_mem({ADDRESS}, 16, data)\n"
        "start = time.ticks_us()\n"
        f"back = i.readfrom_mem({ADDRESS}, 0, 256)\n"
        "us = time.ticks_diff(time.ticks_us(), start)\n"
    )
    assert one.run("print(back == bytes(range(16)) + data + bytes(range(216, 256)))") == b"True\r\n"
    assert other.run("print(mem[16:216] == bytes(i ^ 0x5a for i in range(200)))") == b"True\r\n"
    # 9 clocks a byte at least, and not much more.
    least_us = 256 * 9e6 / hz
    assert least_us < int(one.run("print(us)")) < 1.4 * least_us


def test_i2c_nobody_there(pico: Firmware) -> None:
    one, other, _, _ = on_a_bus(pico)
    other.run(TARGET)
    one.run("from machine import I2C\ni = I2C(0, freq=400000)")
    for call in (f"i.writeto({ADDRESS + 1}, b'x')", f"i.readfrom({ADDRESS + 1}, 2)"):
        with pytest.raises(RuntimeError, match="EIO"):
            one.run(call)
    assert one.run(f"print(i.readfrom_mem({ADDRESS}, 5, 2))") == b"b'\\x05\\x06'\r\n"
    other.run("t.deinit()")
    with pytest.raises(RuntimeError, match="EIO"):
        one.run(f"i.readfrom_mem({ADDRESS}, 5, 2)")


def test_i2c_target_without_memory(pico: Firmware) -> None:
    one, other, bus, _ = on_a_bus(pico)
    other.run(
        "from machine import I2CTarget\n"
        "got = bytearray(64)\n"
        "n = 0\n"
        "one = bytearray(1)\n"
        "def handler(t):\n"
        "    global n\n"
        "    flags = t.irq().flags()\n"
        "    if flags & I2CTarget.IRQ_WRITE_REQ:\n"
        "        while t.readinto(one):\n"
        "            got[n] = one[0]\n"
        "            n += 1\n"
        "    if flags & I2CTarget.IRQ_READ_REQ:\n"
        "        t.write(b'answer')\n"
        f"t = I2CTarget(1, {ADDRESS}, sda=2, scl=3)\n"
        "t.irq(handler, I2CTarget.IRQ_WRITE_REQ | I2CTarget.IRQ_READ_REQ, hard=True)\n"
    )
    one.run("from machine import I2C\ni = I2C(0, freq=400000)")
    one.run(f"i.writeto({ADDRESS}, b'a question of forty bytes, so more than 16')")
    assert (
        other.run("print(bytes(got[:n]))") == b"b'a question of forty bytes, so more than 16'\r\n"
    )
    assert one.run(f"print(i.readfrom({ADDRESS}, 12))") == b"b'answeranswer'\r\n"
    assert bus.stretched_ns > 0


def test_i2c_host_and_two_targets(pico: Firmware) -> None:
    one, other, bus, together = on_a_bus(pico)
    one.run(TARGET.replace("I2CTarget(1", "I2CTarget(0").replace(", sda=2, scl=3", "").replace(
        str(ADDRESS), str(ADDRESS + 1)))  # fmt: skip
    other.run(TARGET)
    host = I2cHost(bus, one.chip, together, 100_000)
    host.write(ADDRESS, b"\x10first")
    host.write(ADDRESS + 1, b"\x10other")
    assert host.read_mem(ADDRESS, 0x0F, 7) == b"\x0ffirst\x15"
    assert host.read_mem(ADDRESS + 1, 0x0F, 7) == b"\x0fother\x15"
    assert other.run("print(mem[16:21])") == b"bytearray(b'first')\r\n"
    with pytest.raises(OSError):
        host.write(ADDRESS + 2, b"")
    other.chip.reset()
    with pytest.raises(OSError):
        host.read_mem(ADDRESS, 0x10, 5)
    assert host.read_mem(ADDRESS + 1, 0x10, 5) == b"other"


def test_i2c_when_a_target_stretches(pico: Firmware) -> None:
    lab = Lab(pico.path, {})
    together = Together(lab.chip)
    lab.pace = together
    bus = Bus()
    lab.chip.i2cs[1].join(bus)
    together.wires.append(bus)
    lab.run(TARGET)
    assert I2cHost(bus, lab.chip, together, 100_000).read_mem(ADDRESS, 0, 256) == bytes(range(256))
    assert bus.stretches == 0  # its interrupt takes less than the 5 us in which SCL is low anyway
    assert I2cHost(bus, lab.chip, together, 400_000).read_mem(ADDRESS, 0, 256) == bytes(range(256))
    assert bus.stretches > 200
    assert 500 < bus.stretched_ns / bus.stretches < 2000


def test_i2c_two_controllers(pico: Firmware) -> None:
    one, other, bus, together = on_a_bus(pico)
    other.run(TARGET)
    host = I2cHost(bus, one.chip, together, 100_000)
    one.run("from machine import I2C\ni = I2C(0, freq=400000)\nbad = 0")
    one.chip.usb.send(
        b"for n in range(50):\n"
        b"    bad += i.readfrom_mem(%d, n, 9) != bytes(range(n, n + 9))\n"
        b"print('done', bad)\n\x04" % ADDRESS
    )
    reads = 0
    while b"done" not in one.text:
        assert host.read_mem(ADDRESS, 40, 4) == bytes(range(40, 44))
        reads += 1
    assert reads > 10
    assert b"done 0" in one.wait_text(b"\x04>")


def test_i2c_reads_wait_for_a_flash_write(pico: Firmware) -> None:
    one, other, bus, together = on_a_bus(pico)
    other.run(TARGET)
    host = I2cHost(bus, one.chip, together, 100_000)
    other.chip.usb.send(b"with open('f', 'w') as f: print(f.write('x' * 5000))\n\x04")
    started = other.chip.cycles
    together.run_until(lambda: other.chip.cycles > started + 1_000_000, 5)
    for _ in range(20):
        assert host.read_mem(ADDRESS, 5, 2) == b"\x05\x06"
    assert bus.stretched_ns > 20e6
    assert b"5000" in other.wait_text(b"\x04>")


def test_pins_read_what_is_on_them(pico: Firmware) -> None:
    one, other, _ = two(pico)
    one.run("from machine import Pin\np = Pin(2, Pin.OUT)\nq = Pin(3, Pin.IN, Pin.PULL_UP)")
    assert one.run("p(1)\nprint(p())\np(0)\nprint(p(), q())") == b"1\r\n0 1\r\n"
    one.run("q = Pin(3, Pin.IN, Pin.PULL_DOWN)")
    assert one.run("print(q())") == b"0\r\n"
    pins.join(one.chip.pins[2], other.chip.pins[6])
    other.run(
        "from machine import Pin\n"
        "seen = []\n"
        "r = Pin(6, Pin.IN)\n"
        "r.irq(lambda r: seen.append(r()), Pin.IRQ_RISING | Pin.IRQ_FALLING)\n"
    )
    one.run("import time\nfor level in (1, 0, 1):\n    p(level)\n    time.sleep_ms(1)")
    assert other.run("print(seen, r())") == b"[1, 0, 1] 1\r\n"


def test_open_drain_of_two(pico: Firmware) -> None:
    one, other, _ = two(pico)
    pins.join(one.chip.pins[4], other.chip.pins[4])
    for lab in (one, other):
        lab.run("from machine import Pin\np = Pin(4, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)")
    assert one.run("print(p())") == b"1\r\n"
    other.run("p(0)")
    assert one.run("print(p())") == b"0\r\n"
    one.run("p(0)")
    other.run("p(1)")
    assert other.run("print(p())") == b"0\r\n"
    one.run("p(1)")
    assert other.run("print(p())") == b"1\r\n"
    net = one.chip.pins[4].net
    net.drive(False)  # a button to ground
    assert other.run("print(p())") == b"0\r\n"
