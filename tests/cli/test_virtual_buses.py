"""The command line beside a world: it finds the boards in the air and on this computer's buses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from picolink.links.ble import stack
from picolink.links.host.virtual import simulator
from picolink.packing import compile_all
from picosim import World


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


def test_the_command_line_in_another_process(world: World) -> None:
    world.board(
        "lamp",
        main="from picolink import Node\nnode = Node('lamp')\n"
        "@node.command\ndef echo(x):\n    return x\nnode.run('ble-peripheral:')",
        libs=compile_all(["ble"]),
    ).wait_ready()
    done = subprocess.run(
        [sys.executable, "-m", "picolink", "call", "ble:lamp", "echo", "hello"],
        capture_output=True, text=True, timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("hello\n", "")


def test_the_command_line_finds_the_bus(world: World) -> None:
    board = world.board(
        "lamp",
        main="from picolink import Node\nfrom machine import Pin\nled = Pin('LED', Pin.OUT)\n"
        "node = Node('lamp')\n@node.command(state='on|off')\ndef led_set(state):\n"
        " led.value(state == 'on')\n return state\nnode.run('i2c-target:0/0x43', 'usb:')\n",
        libs=compile_all(["usb", "i2c"]),
    )
    world.i2c_host(1, board.i2c(0, 0, 1))
    board.wait_printed("listening on usb:")
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-m", "picolink", "call", "i2c:1/0x43", "led_set", "on"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "on\n", done
    board.pin("LED").wait(1)


def test_without_a_world_the_bluetooth_of_this_computer_is_used() -> None:
    found = simulator()
    assert found is not None
    found.install()
    assert stack.BACKENDS[0] is None and stack.BACKENDS[1] is None
