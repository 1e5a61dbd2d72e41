"""A board on the air and a broker beyond the router: MQTT heals with the Wi-Fi."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED
from brokers import Mosquitto, Watcher

import picolink
from picolink.packing import compile_all
from picolink.sim import WifiFaults, World

CPYTHON_ONLY = "virtual boards, a real broker"

MAIN = """
from picolink import Node
from picolink.mqtt import Mqtt
node = Node("shed", wifi=("lab", "password"))
presses = 0

@node.command
def press():
    global presses
    presses += 1
    return presses

@node.reading("presses", every_s=0.1)
def count():
    return presses

node.run("usb:", Mqtt(ADDRESS, keepalive_s=2))
"""
QUICK = WifiFaults(join_s=0.05, lease_s=0.05, notice_s=0.1)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=SEED) as world:
        yield world


def test_through_a_router_that_goes_and_comes(world: World, tmp_path: Path) -> None:
    lab = world.access_point("lab", "password", faults=QUICK, names={"broker.test": "127.0.0.1"})
    with Mosquitto(tmp_path) as broker, Watcher(broker.port, "lab/shed/#") as others:
        source = f"ADDRESS = 'mqtt://broker.test:{broker.port}/lab'\n{MAIN}"
        world.board("shed", main=source, libs=compile_all(["usb", "mqtt", "wifi"]))
        others.wait_for("lab/shed/status", "online", 30)
        with picolink.connect(f"{broker.address}/lab/shed") as shed:
            assert shed.call("press") == 1
            others.wait_for("lab/shed/presses", "1")
            for turn in (2, 3):
                lab.off()
                others.messages.clear()
                others.wait_for("lab/shed/status", "offline", 30)  # says the broker
                lab.on()
                assert shed.call("press", timeout_s=60) == turn
                others.wait_for("lab/shed/presses", str(turn), 30)
