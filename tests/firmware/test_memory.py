"""How much of a real board's heap a node takes, and how long its import."""

from __future__ import annotations

import pytest

import picolink
from picolink.packing import compile_all
from picolink.sim import World
from picolink.sim.rp2040.firmware import Firmware
from picolink.sim.rp2040.lab import Lab

USB_MOST_BYTES = 38_000
WIFI_MOST_BYTES = 65_000
IMPORT_MOST_US = 85_000
SERVICES = ["deliver", "describe", "stats", "time", "log", "bench"]
# The answers are small, so that nothing is loaded for them alone.
PROGRAM = """
import gc, time
gc.collect()
free = gc.mem_free()
started = time.ticks_us()
from picolink import Node
took_us = time.ticks_diff(time.ticks_us(), started)
node = Node(ARGUMENTS)

@node.command()
def used():
    gc.collect()
    return free - gc.mem_free()

@node.command()
def import_us():
    return took_us

node.run(LINKS)
"""


@pytest.mark.parametrize("decorator", ["@node.command()", "@node.command"])
def test_usb_and_services(pico: Firmware, decorator: str) -> None:
    libs = compile_all(["usb", *SERVICES], march="armv6m")
    main = PROGRAM.replace("ARGUMENTS", '"lab"').replace("LINKS", '"usb:"')
    main = main.replace("@node.command()", decorator)
    files = {f"lib/{name}": data for name, data in libs.items()}
    lab = Lab(pico.path, {"main.py": main.encode(), **files})
    lab.connect()
    used_bytes, import_us = lab.call("used"), lab.call("import_us")
    print(used_bytes, import_us)
    assert used_bytes <= USB_MOST_BYTES
    assert import_us <= IMPORT_MOST_US


@pytest.mark.parametrize("decorator", ["@node.command()", "@node.command"])
def test_wifi_and_a_tcp_peer(world: World, pico_w: Firmware, decorator: str) -> None:
    arguments = '"lab", wifi=("a network", "its password")'
    main = PROGRAM.replace("ARGUMENTS", arguments).replace("LINKS", '"usb:", "tcp-listen::5263"')
    main = main.replace("@node.command()", decorator)
    libs = compile_all(["usb", "wifi", "tcp"])
    board = world.board("lab", main=main, libs=libs, firmware=pico_w.path)
    board.wait_ready()
    with picolink.connect(f"tcp:{board.address}", timeout_s=60) as there:
        used_bytes = there.call("used", timeout_s=60)
    print(used_bytes)
    assert used_bytes <= WIFI_MOST_BYTES
