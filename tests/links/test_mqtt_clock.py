"""A board that checks a broker's certificate needs the time, and asks for it by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED
from brokers import Certificates, Mosquitto, Watcher, free_port

from picolink.packing import compile_all
from picosim import VirtualBoard, WifiFaults, World

CPYTHON_ONLY = "virtual boards, a real broker"

# None of these programs mentions node.time.
SERVERS = """
import picolink.net.timekeeping as keeping
keeping.SERVERS = (SERVER,)
for name in keeping.TIMES:
    keeping.TIMES[name] = max(1, int(keeping.TIMES[name] * 0.1))
from picolink import Node
"""
SERVES = """
node = Node("shed", wifi=("lab", "password"))
node.run("usb:", ADDRESS)
"""
DIALS = """
node = Node("shed", wifi=("lab", "password"))
other = node.peer(ADDRESS)

async def main():
    import asyncio
    while not other.connected:
        await asyncio.sleep(0.05)
    print("connected to", other.name)
    await asyncio.Event().wait()

node.run("usb:", main())
"""
OTHER = """
from picolink import Node
node = Node("other", wifi=("lab", "password"))
node.run("usb:", ADDRESS)
"""
QUICK = WifiFaults(join_s=0.05, lease_s=0.05, notice_s=0.1)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=SEED) as world:
        yield world


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "certificates")


@pytest.fixture
def broker(tmp_path: Path, certificates: Certificates) -> Iterator[Mosquitto]:
    plain = free_port()
    more = f"listener {plain} 127.0.0.1"
    with Mosquitto(tmp_path, tls=certificates.leaf("broker.test"), more=more) as broker:
        broker.plain = plain  # type: ignore[attr-defined]
        yield broker


def shed(
    world: World, certificates: Certificates, program: str, server: str, address: str
) -> VirtualBoard:
    world.access_point("lab", "password", faults=QUICK, names={"broker.test": "127.0.0.1"})
    return world.board(
        "shed",
        main=f"ADDRESS = {address!r}\nSERVER = {server!r}\n{SERVERS}{program}",
        libs=compile_all(["usb", "mqtt", "wifi", "time"]),  # it is told the servers
        files={"ca.der": certificates.root_der.read_bytes()},
    )


def test_a_node_on_a_broker_with_a_ca_learns_the_time(
    world: World, certificates: Certificates, broker: Mosquitto
) -> None:
    server = world.time_server()
    with Watcher(broker.plain, "lab/shed/#") as others:
        address = f"mqtts://broker.test:{broker.port}/lab?ca=/ca.der"
        shed(world, certificates, SERVES, server.address, address)
        others.wait_for("lab/shed/status", "online", 30)
    assert server.asked


def test_a_peer_that_is_dialed_over_tls_too(
    world: World, certificates: Certificates, broker: Mosquitto
) -> None:
    server = world.time_server()
    address = f"mqtts://broker.test:{broker.port}/lab"
    with Watcher(broker.plain, "lab/other/#") as others:
        board = shed(world, certificates, DIALS, server.address, address + "/other?ca=/ca.der")
        world.board(
            "other",
            main=f"ADDRESS = {address + '?verify=no'!r}\n{OTHER}",
            libs=compile_all(["usb", "mqtt", "wifi", "time"]),
        )
        others.wait_for("lab/other/status", "online", 30)
        board.wait_printed("connected to other", 30)
    assert server.asked


def test_without_a_time_server_it_is_said_so(
    world: World, certificates: Certificates, broker: Mosquitto
) -> None:
    server = world.time_server()
    server.dead = True
    board = shed(
        world, certificates, SERVES, server.address,
        f"mqtts://broker.test:{broker.port}/lab?ca=/ca.der",
    )  # fmt: skip
    board.wait_printed("the clock says 2021-01-01, so that no certificate can be checked", 30)
    said = board.log_text()
    assert f"{server.address}: no answer" in said and "node.time.servers" in said
    assert "is it running" not in said
