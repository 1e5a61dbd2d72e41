"""A board on the air and a broker beyond the router: MQTT heals with the Wi-Fi."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED, count
from brokers import Mosquitto, Nats, Watcher

import picolink
from picolink.packing import compile_all
from picosim import WifiFaults, World

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
NAMES = {"broker.test": "127.0.0.1"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=SEED) as world:
        yield world


def test_through_a_router_that_goes_and_comes(world: World, tmp_path: Path) -> None:
    lab = world.access_point("lab", "password", faults=QUICK, names=NAMES)
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


COUNTER = """
from picolink import Node
from picolink.mqtt import Mqtt

node = Node("counter", wifi=("lab", "password"))
n = 0

@node.reading("count", every_s=0.02)
def count():
    global n
    n += 1
    return n

broker = Mqtt(ADDRESS, json=True, keepalive_s=2, queue=700, queue_bytes=60000)
node.run("usb:", broker)
"""


def test_ten_thousand_readings_through_broker_kills_and_radio_cuts(
    world: World, tmp_path: Path
) -> None:
    """All arrive, once when what came twice is left out by its id. The order after a kill is not
    the node's to promise (docs/mqtt.md), so it is told by the id."""
    n = count(10_000)
    blows = count(40)  # each second one the radio, else the broker, which is killed
    print("replay with PICOLINK_SEED=%d" % SEED)
    moments = random.Random(SEED)
    lab = world.access_point("lab", "password", faults=QUICK, names=NAMES)
    topic = "lab/counter/count/json"
    with (
        Nats(tmp_path) as broker,
        Watcher(broker.port, topic, client_id="sink", clean=False) as others,
    ):
        source = f"ADDRESS = 'mqtt://broker.test:{broker.port}/lab'\n{COUNTER}"
        world.board("counter", main=source, libs=compile_all(["usb", "mqtt", "wifi"]))
        for turn in range(blows):
            reached = n * turn // blows + moments.randrange(n // blows // 2)
            others.wait(lambda r=reached: len(others.messages) > r, 120)  # type: ignore[misc]
            if turn % 2:
                broker.end(signal.SIGKILL)
                broker.start()
            else:
                lab.off()
                lab.on()
        others.wait(lambda: len({m.payload for m in others.messages}) >= n, n / 25 + 60)
        told = [json.loads(payload) for payload in others.payloads(topic)]
    once = sorted({t["id"]: t["value"] for t in told}.items())
    assert once[:n] == [(i, i) for i in range(1, n + 1)]
