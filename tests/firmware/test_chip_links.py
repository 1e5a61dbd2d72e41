"""picolink on real firmware over UART and I2C: with a computer, and from chip to chip."""

from __future__ import annotations

import pytest

pytest.importorskip("rp2040py", reason="the emulator is not installed (pip install rp2040py)")

from emulated.host import Host
from emulated.i2c_host import I2cHost
from emulated.lab import Lab
from emulated.together import SerialWire, Together

from picolink.packing import compile_all
from picosim.rp2040 import uart
from picosim.rp2040.firmware import Firmware
from picosim.rp2040.i2c_bus import Bus

SERVING = """
from picolink import Node
node = Node("served")

@node.command
def echo(value):
    return value

node.run("ADDRESS")
"""
CALLING = """
from picolink import Node
node = Node("calling")
peer = node.peer("ADDRESS")

@node.command
async def ask(value):
    return await peer.call("echo", value, timeout_s=20)

node.run("usb:")
"""
TEXT = "thirty-two characters, no fewer."
ALL = bytes(range(256)) * 8


def board(pico: Firmware, main: str, address: str) -> Lab:
    libs = compile_all(["usb", "uart", "i2c"], march="armv6m")
    files = {f"lib/{name}": data for name, data in libs.items()}
    files["main.py"] = main.replace("ADDRESS", address).encode()
    return Lab(pico.path, files, unique_id=address.encode()[-8:].rjust(8))


@pytest.mark.parametrize("baud", [115200, 921600])
def test_a_computer_over_uart(pico: Firmware, baud: int) -> None:
    lab = board(pico, SERVING, f"uart:0?baud={baud}")
    together = Together(lab.chip)
    together.wires.append(SerialWire(baud))
    host = Host(together).at_uart(lab.chip.uarts[0], baud)
    host.connect()
    assert host.call("echo", TEXT) == TEXT
    start_s = together.now_s
    assert host.call("echo", ALL) == ALL
    assert together.now_s - start_s < 4 * len(ALL) * 10 / baud + 0.2
    assert host.node.endpoint.sessions


@pytest.mark.parametrize("hz", [100_000, 400_000])
def test_a_computer_over_i2c(pico: Firmware, hz: int) -> None:
    lab = board(pico, SERVING, "i2c-target:0/0x43")
    together = Together(lab.chip)
    bus = Bus()
    lab.chip.i2cs[0].join(bus)
    together.wires.append(bus)
    i2c = I2cHost(bus, lab.chip, together, hz)
    assert together.run_until(lambda: lab.chip.i2cs[0].enabled, 5)
    host = Host(together).at_i2c(i2c, 0x43)
    host.connect()
    assert host.call("echo", TEXT) == TEXT
    start_s = together.now_s
    assert host.call("echo", ALL) == ALL
    assert together.now_s - start_s < 4 * len(ALL) * 9 / hz + 0.2


@pytest.mark.parametrize("kind", ["uart", "i2c"])
def test_chip_to_chip(pico: Firmware, kind: str) -> None:
    if kind == "uart":
        served = board(pico, SERVING, "uart:1?baud=921600&tx=4&rx=5")
        calling = board(pico, CALLING, "uart:0?baud=921600")
        uart.join(served.chip.uarts[1], calling.chip.uarts[0])
    else:
        served = board(pico, SERVING, "i2c-target:1/0x43?sda=2&scl=3")
        calling = board(pico, CALLING, "i2c:0/0x43?freq=400000")
    together = Together(served.chip, calling.chip)
    if kind == "uart":
        together.wires.append(SerialWire(921600))
    else:
        bus = Bus()
        served.chip.i2cs[1].join(bus)
        calling.chip.i2cs[0].join(bus)
        together.wires.append(bus)
    served.pace = calling.pace = together
    calling.connect()
    assert calling.call("ask", TEXT) == TEXT
    assert calling.call("ask", ALL[:600]) == ALL[:600]
