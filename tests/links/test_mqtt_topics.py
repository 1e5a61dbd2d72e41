"""A node under native topics, on a virtual board and on a host, for plain paho-mqtt and
mosquitto_pub."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from both import SEED, count
from brokers import (
    BROKERS,
    Broker,
    Certificates,
    Mosquitto,
    Nats,
    Program,
    Watcher,
    free_port,
    mosquitto_program,
)
from cutting_proxy import CuttingProxy
from terminal import Terminal

import picolink
from picolink.packing import compile_all
from picosim import World

CPYTHON_ONLY = "real brokers, virtual boards"

NODE = """
from picolink import Node
from picolink.mqtt import Mqtt

node = Node("greenhouse")
state = "off"
runs = 0

@node.command(state="on|off|toggle|?")
def led_set(word="?"):
    global state, runs
    runs += 1
    if word == "toggle":
        word = "off" if state == "on" else "on"
    if word != "?":
        state = word
    return state

@node.command("a: int", "b: int")
def add(a, b=1):
    return a + b

@node.command(digits="1|2|3")
def choose(digits):
    return [digits]

@node.command(name="fan.level")
async def fan(level=None, speed=0):
    return {"level": level, "speed": speed}

@node.command
def fails():
    raise ValueError("on purpose")

@node.command
def nothing():
    pass

@node.stream
def numbers(n):
    yield from range(n)

@node.command
def count_runs():
    return runs

@node.reading("temperature", unit="°C", every_s=0.05)
def temperature():
    return 23.44

@node.reading("mode", every_s=0.05)
def mode():
    return "auto"

@node.reading("bed/soil.wet", every_s=0.05)
def soil():
    raise OSError("no sensor")

broker = Mqtt(ADDRESS, json=True)
broker.command("lab42/onboard_led", led_set, reply="lab42/onboard_led_is")
broker.reading("lab42/mode", "mode", format="%.1f")  # of a text: it fails each time
broker.reading("lab42/mode_too", "mode", format="%s")
broker.command("lab42/kept", "led_set", reply="lab42/kept_is", retained=True)
broker.reading("lab42/onboard_temp", "temperature", format="%.1f", retain=True)
node.run(broker, *LINKS)
"""
BASE = "lab/greenhouse"


@pytest.fixture(scope="module", params=BROKERS, ids=lambda kind: kind.name)
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    with request.param(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=SEED) as world:
        yield world


def program(broker: Broker, *links: str) -> str:
    return f"ADDRESS = {broker.address + '/lab'!r}\nLINKS = {links!r}\n{NODE}"


@pytest.fixture(scope="module", params=["board", "host"])
def others(
    request: pytest.FixtureRequest, broker: Broker, world: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Watcher]:  # fmt: skip
    """paho-mqtt beside a node that is online."""
    with ExitStack() as stack:
        others = stack.enter_context(Watcher(broker.port, "lab/#", "lab42/#"))
        if request.param == "board":
            libs = compile_all(["usb", "mqtt"])
            board = world.board(f"node-{broker.port}", main=program(broker, "usb:"), libs=libs)
            stack.callback(board.kill)
        else:
            folder = tmp_path_factory.mktemp("host")
            stack.enter_context(Program([sys.executable], program(broker), folder))
        others.wait_for(f"{BASE}/status", "online")
        others.wait_for(f"{BASE}/temperature", "23.44")
        others.node = request.param
        yield others
        others.messages.clear()


def ask(others: Watcher, path: str, payload: str | bytes, qos: int = 1) -> str:
    """The next reply to a command."""
    topic = f"{BASE}/reply/{path}"
    before = len(others.payloads(topic))
    others.put(f"{BASE}/call/{path}", payload, qos)
    others.wait(lambda: len(others.payloads(topic)) > before)
    return others.payloads(topic)[-1].decode()


def test_commands_with_bare_payloads(others: Watcher) -> None:
    assert ask(others, "led_set", "on") == "on"
    assert ask(others, "led_set", "toggle", 2) == "off"
    assert ask(others, "led_set", "", 0) == "off"
    assert ask(others, "add", "[2, 3]") == "5"
    assert ask(others, "add", "41") == "42"
    assert ask(others, "nothing", "") == "ok"
    assert json.loads(ask(others, "fan/level", '{"named": {"speed": 5}}')) == {
        "level": None, "speed": 5,
    }  # fmt: skip


def test_what_goes_wrong_is_said(others: Watcher) -> None:
    assert ask(others, "led_set", "purple").startswith("! BadArguments: state='purple'")
    assert ask(others, "fails", "") == "! ValueError: on purpose"
    assert ask(others, "fails", "[1]").startswith("! BadArguments")
    assert ask(others, "numbers", "3").startswith("! BadArguments: it is a stream")
    assert ask(others, "no/such", "").startswith("! UnknownCommand: no.such; there are: add, ")
    assert ask(others, "add", '{"args": 5}').startswith("! BadArguments")
    assert ask(others, "led_set", "?") in ("on", "off")


def test_an_id_comes_back_and_a_repeat_is_not_run(others: Watcher) -> None:
    call = json.dumps({"id": "n7", "args": ["on"]})
    runs = int(ask(others, "count_runs", ""))
    assert json.loads(ask(others, "led_set", call)) == {"id": "n7", "value": "on"}
    assert json.loads(ask(others, "led_set", call)) == {"id": "n7", "value": "on"}
    assert int(ask(others, "count_runs", "")) == runs + 1
    wrong = json.loads(ask(others, "led_set", '{"id": 8, "args": ["pink"]}'))
    assert wrong["id"] == "8" and wrong["error"] == "BadArguments" and "pink" in wrong["message"]


def test_readings(others: Watcher) -> None:
    topic = f"{BASE}/temperature/json"
    others.wait(lambda: len(others.payloads(topic)) > 3)
    told = [json.loads(payload) for payload in others.payloads(topic)[-3:]]
    assert [t["id"] for t in told] == list(range(told[0]["id"], told[0]["id"] + 3))
    assert abs(told[0]["value"] - 23.44) < 0.01 and told[0]["unit"] == "°C"
    if others.node == "board":  # its clock was never set
        assert "time" not in told[0]
    else:
        assert abs(told[0]["time"] / 1000 - time.time()) < 60
    others.wait_for("lab42/onboard_temp", "23.4")
    soil = f"{BASE}/bed/soil/wet"
    others.wait(lambda: others.payloads(soil + "/json"))
    failed = json.loads(others.payloads(soil + "/json")[0])
    assert failed["value"] is None and "no sensor" in failed["why"]
    assert others.payloads(soil) == []


def test_a_mapped_command(others: Watcher) -> None:
    for payload, state in (("on", "on"), ("off", "off"), ("toggle", "on")):
        before = len(others.payloads("lab42/onboard_led_is"))
        others.put("lab42/onboard_led", payload, 1)
        others.wait(lambda n=before: len(others.payloads("lab42/onboard_led_is")) > n)
        assert others.payloads("lab42/onboard_led_is")[-1].decode() == state
    others.put("lab42/onboard_led", b"\xff\xfe")  # harms nobody
    assert ask(others, "led_set", "?") == "on"


def test_a_feed_that_fails_takes_the_value_from_nobody(others: Watcher) -> None:
    for _ in range(2):
        others.messages.clear()
        others.wait_for("lab42/mode_too", "auto")
        others.wait_for(f"{BASE}/mode", "auto")
        others.wait(lambda: others.payloads(f"{BASE}/mode/json"))
    assert others.payloads("lab42/mode") == []


def test_whatever_is_sent_is_answered(others: Watcher) -> None:
    assert ask(others, "led_set", b"\xff\xfe").startswith("! BadArguments: state=b'")
    assert ask(others, "led_set", "off\n") == "off"
    assert ask(others, "led_set", "on\r\n") == "on"
    assert ask(others, "led_set", "[" * 8000).startswith("! BadArguments")
    assert ask(others, "led_set", "x" * 9000).startswith("! BadArguments: 9000 bytes")
    assert ask(others, "led_set", "?") == "on"


def test_numbers_that_are_meant_as_text(others: Watcher) -> None:
    assert json.loads(ask(others, "choose", '"2"')) == ["2"]
    assert ask(others, "choose", "2") == '["2"]'


def start(broker: Broker, folder: Path) -> Program:
    return Program([sys.executable], program(broker), folder)


def test_retained_commands_and_the_will(broker: Broker, tmp_path: Path) -> None:
    with Watcher(broker.port, f"{BASE}/#", "lab42/#") as others:
        others.put("lab42/onboard_led", "on", 1, retain=True)
        others.put(f"{BASE}/call/led_set", "on", 1, retain=True)
        with start(broker, tmp_path) as node:
            node.line("connected")
            others.wait_for(f"{BASE}/temperature", "23.44")
            assert ask(others, "count_runs", "") == "0"
            others.put("lab42/kept", "on", 1, retain=True)
        others.wait_for(f"{BASE}/status", "offline")
        with start(broker, tmp_path):  # what is asked for retained comes at once
            others.messages.clear()
            others.wait_for(f"{BASE}/status", "online")
            others.wait_for("lab42/kept_is", "on")
        for topic in ("lab42/onboard_led", "lab42/kept", f"{BASE}/call/led_set"):
            others.put(topic, b"", retain=True)


def test_a_broker_that_comes_late_and_goes(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    broker.end()
    times = "from picolink.links.mqtt.connection import TIMES\nTIMES['retry_max'] = 500\n"
    with Program([sys.executable], times + program(broker), tmp_path) as node:
        node.line("no broker answers")
        for _ in range(2):
            with broker, Watcher(broker.port, "lab/#") as others:
                others.wait_for(f"{BASE}/status", "online")
                others.wait_for(f"{BASE}/temperature", "23.44")


def test_with_mosquitto_pub_and_sub(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, start(broker, tmp_path) as node:
        node.line("connected")
        at = ["-p", str(broker.port)]
        command = [mosquitto_program("mosquitto_sub"), *at, "-W", "10", "-C", "1"]
        with subprocess.Popen(
            [*command, "-v", "-t", "lab42/onboard_led_is"], stdout=subprocess.PIPE, text=True
        ) as sub:
            put = [mosquitto_program("mosquitto_pub"), *at, "-q", "2", "-t", "lab42/onboard_led"]
            while sub.poll() is None:  # until it has subscribed, and hears one
                subprocess.run([*put, "-m", "on"], check=True)
            assert sub.stdout is not None
            assert sub.stdout.read() == "lab42/onboard_led_is on\n"
        done = subprocess.run(
            [*command, "-t", "lab42/onboard_temp"], capture_output=True, text=True, check=True
        )
        assert done.stdout == "23.4\n"


COUNTING = """
from picolink import Node
from picolink.mqtt import Mqtt

node = Node("counter")
n = 0

@node.reading("count", every_s=0.01)
def count():
    global n
    n += 1
    if n == 300:
        print("three hundred")
    return n

node.run(Mqtt(ADDRESS, json=True, **QUEUE))
"""


@pytest.mark.parametrize("kind", BROKERS, ids=lambda kind: kind.name)
def test_readings_through_kills_and_cuts(kind: type[Broker], tmp_path: Path) -> None:
    """All arrive, in order once what came twice is left out by its id."""
    n = count(10_000)
    how = signal.SIGKILL if kind is Nats else signal.SIGTERM
    with kind(tmp_path) as broker:
        proxy = CuttingProxy(("127.0.0.1", broker.port), SEED)
        address = f"mqtt://127.0.0.1:{proxy.port}/lab"
        topic = "lab/counter/count/json"
        times = "from picolink.links.mqtt.connection import TIMES\nTIMES['retry'] = 50\n"
        # Twenty seconds' worth: a busy machine may need as long to start the broker anew.
        queue = "QUEUE = dict(queue=4000, queue_bytes=400_000)\n"
        source = f"{times}TIMES['retry_max'] = 200\nADDRESS = {address!r}\n{queue}{COUNTING}"
        with (
            Watcher(broker.port, topic, client_id="sink", clean=False) as others,
            Program([sys.executable], source, tmp_path),
        ):
            for turn in range(count(40)):
                came = n * turn // count(40)
                others.wait(lambda came=came: len(others.messages) > came, 60)
                if turn % 2:
                    broker.end(how)
                    broker.start()
                else:
                    proxy.cut()
            others.wait(lambda: len({m.payload for m in others.messages}) >= n, 200)
            told = [json.loads(payload) for payload in others.payloads(topic)]
        proxy.close()
    once = list({t["id"]: t["value"] for t in told}.items())
    if kind is Nats:  # the order after a kill: docs/mqtt.md
        once.sort()
    assert once[:n] == [(i, i) for i in range(1, n + 1)]


def test_without_a_broker_the_latest_readings_wait(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    broker.end()
    source = f"ADDRESS = {broker.address + '/lab'!r}\nQUEUE = {{}}\n{COUNTING}"
    times = "from picolink.links.mqtt.connection import TIMES\nTIMES['retry_max'] = 500\n"
    with Program([sys.executable], times + source, tmp_path) as program:
        program.line("three hundred")
        with broker, Watcher(broker.port, "lab/counter/count/json") as others:
            others.wait(lambda: len(others.messages) >= 32)
            told = [json.loads(m.payload)["value"] for m in others.messages]
    # Half of the 64 are the bare values. The watcher may have come after the first ones; and of
    # those that wait behind what is being sent the oldest still goes where there is no room.
    assert told[0] > 300 - 32 and told == sorted(set(told))
    assert len(told) > 0.9 * (told[-1] - told[0])


SECURE = """
import sys
from machine import RTC
from picolink import Node
from picolink.mqtt import Mqtt

node = Node("safe")

@node.command
def set_clock(now):
    RTC().datetime(tuple(now))

node.run("usb:", Mqtt(ADDRESS, ca="/ca.der"))
"""


def test_tls_on_a_board_waits_for_the_clock(world: World, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "certificates")
    port = free_port()
    with Mosquitto(
        tmp_path, tls=certificates.leaf(), more=f"listener {port} 127.0.0.1"
    ) as broker, Watcher(port, "lab/#") as others:  # fmt: skip
        board = world.board(
            "safe", main=f"ADDRESS = {broker.address + '/lab'!r}\n{SECURE}",
            libs=compile_all(["usb", "mqtt"]),
            files={"ca.der": certificates.root_der.read_bytes()},
        )  # fmt: skip
        with Terminal(board.usb_path) as terminal:
            terminal.expect(b"the clock says 2021-01-01, so that no certificate can be checked", 20)
        with picolink.connect(board.usb_path) as usb:
            now = time.gmtime()
            usb.call("set_clock", [*now[:3], 0, *now[3:6], 0])
            others.wait_for("lab/safe/status", "online", 30)
        board.kill()
