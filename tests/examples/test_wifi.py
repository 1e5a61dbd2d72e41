"""The Wi-Fi examples on virtual boards: in any order, through resets, at any address."""

from __future__ import annotations

import os
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from terminal import Terminal

import picolink
from picolink.packing import compile_all
from picosim import RadioFaults, VirtualBoard, World

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FOLDER = EXAMPLES / "wifi-access-point"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=1) as world:
        yield world


class Pair:
    def __init__(self, world: World) -> None:
        libs = compile_all(["usb", "tcp", "wifi"])
        # As boards that boot on no wire: there is Wi-Fi in this world.
        world.access_point("neighbour", "password")
        self.lamp, self.button = (
            world.board(name, main=FOLDER / f"{name}.py", libs=libs, start=False)
            for name in ("lamp", "button")
        )
        self.level = 0

    @contextmanager
    def heard(self) -> Iterator[Callable[..., None]]:
        """Holds the button's log; the function presses it, and sees the lamp follow. With `after`
        only once the button's board has said that."""
        said: queue.SimpleQueue[str] = queue.SimpleQueue()
        with picolink.connect(self.button.usb_path, on_log=said.put):

            def press(after: str = "") -> None:
                while after and after not in said.get(timeout=15):
                    pass
                self.level = 1 - self.level
                self.button.pin(15).press()
                self.lamp.pin("LED").wait(self.level, timeout_s=12)
                word = "on" if self.level else "off"
                while said.get(timeout=5) != f"the lamp is {word}":
                    pass
                self.button.pin(15).release()
                # a finger is slower than the 20 ms that the board ignores after a change
                threading.Event().wait(0.1)

            yield press


@pytest.fixture
def pair(world: World) -> Pair:
    return Pair(world)


def boards(pair: Pair, names: str) -> list[VirtualBoard]:
    return [getattr(pair, name) for name in names.split()]


@pytest.mark.parametrize("order", ["lamp button", "button lamp"])
def test_whichever_starts_first(pair: Pair, order: str) -> None:
    for board in boards(pair, order):
        board.start()
        board.wait_ready()
    with pair.heard() as press:
        press()
        press()
    assert pair.lamp.radio.interfaces()[0].ip == "192.168.10.1"
    assert pair.button.radio.settings[0] == "192.168.10.2"


def test_either_may_be_reset(pair: Pair) -> None:
    for board in boards(pair, "lamp button"):
        board.start()
    with pair.heard() as press:
        press()
        pair.lamp.reset()
        pair.level = 0  # its lamp is dark now
        press(after="address 192.168.10.2")
        pair.lamp.power_off()
        pair.lamp.power_on()
        pair.level = 0
        press(after="address 192.168.10.2")
    pair.button.reset()
    pair.button.wait_ready()
    with pair.heard() as press:
        press()


@pytest.mark.parametrize("times", [2, -1], ids=["at first", "always"])
def test_the_access_point_is_elsewhere(pair: Pair, times: int) -> None:
    pair.lamp.radio.set(RadioFaults(default_address=times))
    for board in boards(pair, "lamp button"):
        board.start()
    with pair.heard() as press:
        press()
    with picolink.connect(pair.lamp.usb_path) as lamp:
        said = lamp.call("sys.wifi")
    if times > 0:
        assert said == "The access point picolink pair is open at 192.168.10.1."
    else:
        assert "is open, but at 192.168.4.1 instead of 192.168.10.1" in said
        assert pair.button.radio.settings[0] == "192.168.4.16"


def test_a_computer_on_that_network_may_talk_too(world: World, pair: Pair) -> None:
    pair.lamp.start()
    with world.air.different:  # it begins at 192.168.4.1
        address = pair.lamp.radio.reached
        assert world.air.different.wait_for(lambda: address() == "192.168.10.1", 5)
    with picolink.connect("tcp:" + pair.lamp.address) as lamp:
        assert lamp.call("led_set", "on") == "on"
    pair.lamp.pin("LED").wait(1)


@pytest.mark.parametrize("first", ["board", "pi"])
def test_a_raspberry_pi_opens_the_network(world: World, first: str) -> None:
    folder = EXAMPLES / "wifi-pi-hotspot"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    world.access_point("pi hotspot", "a good password", address="10.42.0.1")
    main = (folder / "board.py").read_text("utf-8").replace("tcp:gateway", f"tcp:gateway:{port}")
    libs = compile_all(["usb", "tcp", "wifi"])
    board = world.board("board", main=main, libs=libs, start=False)
    if first == "board":
        board.start()
        board.radio.wait_joined()
    command = [sys.executable, str(folder / "pi.py"), str(port)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as pi:
        assert pi.stdout is not None
        deadline = threading.Timer(20, pi.kill)  # a readline that waits for ever ends with it
        deadline.start()
        try:
            assert "listening" in pi.stdout.readline()
            board.start()
            assert re.fullmatch(r"2\d\.\d °C\n", pi.stdout.readline())
            assert board.radio.settings[:3] == ("10.42.0.20", "255.255.255.0", "10.42.0.1")
        finally:
            deadline.cancel()
            pi.kill()


@pytest.mark.parametrize("first", ["lamp", "button"])
def test_two_boards_and_a_computer_in_a_routers_network(world: World, first: str) -> None:
    folder = EXAMPLES / "wifi-router"
    world.access_point("my network", "password")
    libs = compile_all(["usb", "tcp", "wifi"])
    files = {"/picolink.json": '{"wifi": {"networks": [["my network", "password"]]}}'}
    boards = {
        name: world.board(name, main=folder / f"{name}.py", libs=libs, files=files, start=False)
        for name in ("lamp", "button")
    }
    for name in (first, "button" if first == "lamp" else "lamp"):
        boards[name].start()
        boards[name].wait_ready()
    led = boards["lamp"].pin("LED")
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    with picolink.connect(boards["button"].usb_path, on_log=said.put):
        boards["button"].pin(15).press()
        led.wait(1, timeout_s=30)
        while said.get(timeout=5) != "the lamp is on":
            pass
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(folder / "host.py"), "tcp:" + boards["lamp"].address],
        env=environment, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == "the lamp is off\n", done.stderr
    led.wait(0)


REPORTS = """
from picolink import Node
node = Node("station", wifi={
    "access_point": ["pico pair", "a password"], "access_point_address": "192.168.10.1",
})

@node.text(link="tcp-listen::5263", end=None, reply="")
def report(text):
    return "Success: %d bytes" % len(text)

node.run("usb:", "tcp-listen::5263")
"""
#: A program as people have it, without picolink: joins, sends up to 512 bytes, wants "Success".
PLAIN = """
import network, socket, time

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.ifconfig(("192.168.10.2", "255.255.255.0", "192.168.10.1", "192.168.10.1"))
wlan.connect("pico pair", "a password")
while not wlan.isconnected():
    time.sleep_ms(50)
print("joined as", wlan.ifconfig()[0])
for size in (1, 20, 512):
    s = socket.socket()
    s.connect(("192.168.10.1", 5263))
    s.send(b"x" * size)
    print("answer", s.recv(512).decode())
    s.close()
s = socket.socket()
s.connect(("192.168.10.1", 5263))
for size in (512, 3):
    s.send(b"y" * size)
    print("again", s.recv(512).decode())
"""


def test_a_plain_program_on_an_access_point_pair(world: World) -> None:
    libs = compile_all(["usb", "tcp", "wifi"])
    world.access_point("neighbour", "password")  # boards that boot on no wire
    world.board("station", main=REPORTS, libs=libs)
    client = world.board("client", main=PLAIN, libs={})
    with Terminal(client.usb_path) as terminal:
        said = terminal.expect(b"again Success: 3 bytes", 40).decode()
    assert "joined as 192.168.10.2" in said
    sizes = [int(n) for n in re.findall(r"(?:answer|again) Success: (\d+) bytes", said)]
    assert sizes == [1, 20, 512, 512, 3]
