"""How much of a real board's heap a node takes, and how long its import."""

from __future__ import annotations

from pathlib import Path

import pytest
from brokers import Mosquitto
from emulated.lab import Lab

import picolink
from picolink.packing import compile_all
from picosim import World
from picosim.rp2040.firmware import Firmware

USB_MOST_BYTES = 38_000
WIFI_MOST_BYTES = 65_000
IMPORT_MOST_US = 85_000
PIECE_LEAST_BYTES = 16_000
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
PIECES = """
import gc, io
from picolink import Node
node = Node("lab", wifi=("a network", "its password"))

@node.command
def take(data):
    return len(data)

@node.command
def largest():
    gc.collect()
    size = 60_000
    while size:
        try:
            io.BytesIO(size)
            break
        except MemoryError:
            size -= 1000
    return size

node.run("usb:", ADDRESS)
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


@pytest.mark.timeout(600)
def test_messages_of_4_kb_over_a_broker(world: World, pico_w: Firmware, tmp_path: Path) -> None:
    """What is free is in pieces that are large enough, and stays so."""
    with Mosquitto(tmp_path) as broker:
        board = world.board(
            "lab",
            main=PIECES.replace("ADDRESS", f'"mqtt://10.0.0.1:{broker.port}/lab"'),
            libs=compile_all(["usb", "wifi", "mqtt"]),
            firmware=pico_w.path,
        )
        board.wait_ready()
        at_broker = f"mqtt://127.0.0.1:{broker.port}/lab/lab"
        with picolink.connect(at_broker, timeout_s=60) as there:
            for _ in range(20):
                assert there.call("take", bytes(4096), timeout_s=60) == 4096
            piece_bytes = there.call("largest", timeout_s=60)
    print(piece_bytes)
    assert piece_bytes >= PIECE_LEAST_BYTES
