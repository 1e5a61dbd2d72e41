"""MQTT over TLS on a Pico W's firmware, its certificate checked: through kills of the broker."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import trustme
from brokers import Certificates, Mosquitto, free_port

import picolink
from picolink.packing import compile_all
from picosim import World
from picosim.rp2040.firmware import Firmware

KILLS = 50 if os.environ.get("PICOLINK_SOAK") else 2
LEAST_FREE_BYTES = 70_000
TIMEOUT_S = 400
TRIES = 4  # a host that is slow has the board load more than once what it needs to attach
# It does not mention node.time: TLS asks for the time by itself.
PROGRAM = """
import picolink.net.timekeeping as keeping
keeping.SERVERS = (SERVER,)
import asyncio, gc
from picolink import Node
node = Node("shed", wifi=("net", "password"))

@node.command
async def free():
    await asyncio.sleep(3)  # what is loaded to attach is let go
    gc.collect()
    return gc.mem_free()

node.run("usb:", ADDRESS)
"""


@pytest.mark.timeout(300 + KILLS * TIMEOUT_S * TRIES)
def test_it_connects_again_after_each_kill(world: World, pico_w: Firmware, tmp_path: Path) -> None:
    # RSA, as most brokers have it: it takes more memory than an elliptic curve, and less time.
    certificates = Certificates(tmp_path / "certificates", trustme.KeyType.RSA)
    plain = free_port()
    more = f"listener {plain} 127.0.0.1"
    leaf = certificates.leaf("broker.test")
    with Mosquitto(tmp_path, tls=leaf, more=more, stock=True) as broker:
        address = f"mqtts://broker.test:{broker.port}/lab?ca=/ca.der"
        server = world.time_server().address.replace("127.0.0.1", "10.0.0.1")
        board = world.board(
            "shed",
            main=f"SERVER = {server!r}\nADDRESS = {address!r}\n{PROGRAM}",
            libs=compile_all(["usb", "mqtt", "wifi", "time"]),
            files={"ca.der": certificates.root_der.read_bytes()},
            firmware=pico_w.path,
        )
        board.wait_ready()
        at_broker = f"mqtt://127.0.0.1:{plain}/lab/shed"
        with (
            picolink.connect(board.usb_path, timeout_s=TIMEOUT_S),
            picolink.connect(at_broker, timeout_s=TIMEOUT_S) as shed,
        ):
            for number in range(KILLS + 1):
                if number:
                    broker.end(signal.SIGKILL)
                    broker.start()
                began_s = time.monotonic()
                for _ in range(TRIES):
                    free_bytes = shed.call("free", timeout_s=TIMEOUT_S)
                    if free_bytes >= LEAST_FREE_BYTES:
                        break
                print(number, free_bytes, f"{time.monotonic() - began_s:.0f} s", flush=True)
                assert free_bytes >= LEAST_FREE_BYTES
