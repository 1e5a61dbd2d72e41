"""What Home Assistant is told: read as it reads it, where its schemas are at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from both import SEED
from brokers import BROKERS, Broker, Mosquitto, Program, Watcher

from picolink.node.features.mqtt_topics import home_assistant
from picolink.packing import compile_all
from picosim import World

CPYTHON_ONLY = "a real broker"

NODE = """
from picolink import Node

node = Node("greenhouse")

@node.command(state="on|off|toggle|?")
def lamp(state="?"):
    return "off"

@node.command(name="fan.mode", how="slow|fast")
def fan(how):
    return how

@node.command("level: 0..100 %")
def window(level):
    return level

@node.command
def restart():
    pass

@node.command("a: int", "b: int")
def add(a, b):
    return a + b

@node.stream("n: int")
def numbers(n):
    yield n

@node.reading("temperature", unit="°C", every_s=5)
def temperature():
    return 21.5

@node.reading("bed/humidity", unit="%", every_s=60)
def humidity():
    return 50

@node.reading("state", every_s=5)
def state():
    return "well"

node.run(*LINKS)
"""
BASE = "lab/greenhouse"
CHECK = Path(__file__).parent.parent / "home_assistant_check.py"


@pytest.fixture(params=["host", "board"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """The configs by their topics, once all are there, twice the same."""
    with Mosquitto(tmp_path) as broker, Watcher(broker.port, "homeassistant/#") as others:
        links = [f"{broker.address}/lab?home_assistant=yes"]
        if request.param == "board":
            with World(seed=SEED) as world:
                source = f"LINKS = {['usb:', *links]!r}\n{NODE}"
                world.board("greenhouse", main=source, libs=compile_all(["usb", "mqtt"]))
                yield configs(others)
        else:
            with Program([sys.executable], f"LINKS = {links!r}\n{NODE}", tmp_path):
                yield configs(others)


def configs(others: Watcher) -> dict[str, dict[str, Any]]:
    """All of them, told when the node came and again when Home Assistant starts."""

    def complete(count: int) -> bool:
        return len([m for m in others.messages if m.topic.endswith("/config")]) >= count

    others.wait(lambda: complete(7))
    others.put("homeassistant/status", "online")
    others.wait(lambda: complete(14))
    first: dict[str, dict[str, Any]] = {}
    for message in others.messages:
        if message.topic.endswith("/config"):
            config = json.loads(message.payload)
            kind, node, name = message.topic.split("/")[1:4]
            assert node == config["device"]["identifiers"][0]
            assert first.setdefault(f"{kind} {name}", config) == config
    with Watcher(others.port, "homeassistant/#") as late:
        late.wait(lambda: len(late.messages) >= 7)
        assert all(m.retain for m in late.messages)
    return first


def test_what_is_told(told: dict[str, dict[str, Any]]) -> None:
    assert sorted(told) == [
        "button restart", "number window", "select fan_mode", "sensor bed_humidity",
        "sensor state", "sensor temperature", "switch lamp",
    ]  # fmt: skip
    identities = {config["unique_id"] for config in told.values()}
    assert len(identities) == 7
    for config in told.values():
        assert config["availability_topic"] == f"{BASE}/status"
        assert config["device"]["name"] == "greenhouse"
    lamp = told["switch lamp"]
    assert lamp["command_topic"] == f"{BASE}/call/lamp"
    assert lamp["state_topic"] == f"{BASE}/reply/lamp"
    assert (lamp["payload_on"], lamp["payload_off"]) == ("on", "off")
    assert told["select fan_mode"]["options"] == ["slow", "fast"]
    window = told["number window"]
    assert (window["min"], window["max"], window["unit_of_measurement"]) == (0, 100, "%")
    temperature = told["sensor temperature"]
    assert temperature["device_class"] == "temperature"
    assert temperature["unit_of_measurement"] == "°C"
    assert temperature["state_topic"] == f"{BASE}/temperature"
    humidity = told["sensor bed_humidity"]
    assert humidity["device_class"] == "humidity" and humidity["expire_after"] == 180
    assert "device_class" not in told["sensor state"]


RENAMED = """
import sys
from picolink import Node

node = Node("greenhouse")

for name in NAMES:
    node.reading(name, every_s=5)(lambda: 1)

node.run(*LINKS)
"""


@pytest.mark.parametrize("kind", BROKERS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("side", ["host", "board"])
def test_what_is_offered_no_more_is_taken_away(
    kind: type[Broker], side: str, tmp_path: Path
) -> None:
    with kind(tmp_path) as broker, Watcher(broker.port, "homeassistant/#") as others:
        links = [f"{broker.address}/lab?home_assistant=yes"]

        @contextmanager
        def running(names: list[str]) -> Iterator[None]:
            source = f"LINKS = {['usb:', *links] if side == 'board' else links!r}\n"
            source += f"NAMES = {names!r}\n{RENAMED}"
            if side == "board":
                with World(seed=SEED) as world:  # the same board, by its name
                    world.board("greenhouse", main=source, libs=compile_all(["usb", "mqtt"]))
                    yield
            else:
                with Program([sys.executable], source, tmp_path):
                    yield

        with running(["old", "room.temp", "room_temp"]):
            others.wait(lambda: len(kept(others)) >= 3)
            node = next(iter(kept(others))).split("/")[2]
        mine = f"homeassistant/sensor/{node}"
        assert set(kept(others)) == {
            f"{mine}/{name}/config" for name in ("old", "room_temp", "room_temp-d")
        }
        assert len({config["unique_id"] for config in kept(others).values()}) == 3
        # Of somebody else: another node, and a computer's of the same name below another prefix.
        foreign = f"homeassistant/sensor/{node}x/old/config"
        others.put(foreign, json.dumps({"availability_topic": "lab/greenhouse/status"}), 1, True)
        others.put(f"{mine}/far/config", '{"availability_topic": "far/greenhouse/status"}', 1, True)
        with running(["new", "room.temp"]):
            others.wait(lambda: f"{mine}/old/config" not in kept(others))
            others.wait(lambda: f"{mine}/room_temp-d/config" not in kept(others))
            others.wait(lambda: f"{mine}/new/config" in kept(others))
            if side == "board":  # its id is its own
                others.wait(lambda: f"{mine}/far/config" not in kept(others))
        assert foreign in kept(others)
        assert (f"{mine}/far/config" in kept(others)) == (side == "host")
        with Watcher(broker.port, "homeassistant/#") as late:
            late.wait(lambda: kept(late) == kept(others))


def kept(others: Watcher) -> dict[str, dict[str, Any]]:
    """The configs that the broker has now."""
    found = {m.topic: m.payload for m in list(others.messages) if m.topic.endswith("/config")}
    return {topic: json.loads(payload) for topic, payload in found.items() if payload}


@pytest.mark.skipif(
    "PICOLINK_HOMEASSISTANT" not in os.environ,
    reason="PICOLINK_HOMEASSISTANT is not the Python of an environment with homeassistant",
)
def test_home_assistants_own_schemas(told: dict[str, dict[str, Any]]) -> None:
    configs = [(key.split()[0], config) for key, config in told.items()]
    base = told["sensor temperature"]
    for unit, kind in home_assistant._CLASSES.items():
        state = "total_increasing" if kind == "energy" else "measurement"
        more = {"unit_of_measurement": unit, "device_class": kind, "state_class": state}
        configs.append(("sensor", {**base, **more}))
    done = subprocess.run(
        [os.environ["PICOLINK_HOMEASSISTANT"], CHECK],
        input="".join(json.dumps(pair) + "\n" for pair in configs),
        capture_output=True, text=True, timeout=100,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok ") == len(configs)
