"""I2C keeps the contract: a computer as controller, through the real smbus2, of a board."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from both import SOAK
from link_contract import LinkContract

from picosim import VirtualBoard, World
from picosim.i2c.faults import I2cFaults

CPYTHON_ONLY = "virtual boards"


HOST_THAT_DIES = """
import os, sys, picolink
from picosim.i2c import host as device
device.install()
board = picolink.connect(sys.argv[1])
board.call("note", 1)
link = board._client._driver.link
link.send(b"x" * 1200)  # six frames of the mailbox
while not link.box._at:
    pass
os.kill(os.getpid(), 9)
"""


class TestI2c(LinkContract):
    """At 400 kHz, where the computer's bus honours stretching."""

    links = ("i2c-target:0/0x43?sda=0&scl=1",)
    groups = ("usb", "tcp", "uart", "i2c")
    baudrate = 400_000
    controller = "gpio"
    faults = I2cFaults()

    @pytest.fixture(autouse=True)
    def _bus(self, world: World, board: VirtualBoard) -> Iterator[None]:
        self.bus = world.i2c_host(
            1, board.i2c(0, 0, 1), baudrate=self.baudrate, controller=self.controller,
            faults=self.faults,
        )  # fmt: skip
        board.wait_ready()
        yield
        self.bus.close()

    def address(self, board: VirtualBoard) -> str:
        return "i2c:1/0x43"

    def cut(self, board: VirtualBoard) -> None:
        """For some transfers, or a tenth of a second."""
        self.bus.set(I2cFaults(cut=True))
        before = self.bus.counts()["transfers"]
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            if self.bus.counts()["transfers"] > before + 3:
                break
        self.bus.set(self.faults)

    def test_a_host_killed_in_mid_frame(self, board: VirtualBoard) -> None:
        """Between the pieces of a packet: the kernel ends what it began of one."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        for _ in range(3):
            host = subprocess.run(
                [sys.executable, "-c", HOST_THAT_DIES, self.address(board)],
                env=environment, timeout=20,
            )  # fmt: skip
            assert host.returncode == -signal.SIGKILL
        with self.connect(board) as again:
            assert again.call("echo", "here") == "here"
            assert again.call("notes") == [1, 1, 1]


@pytest.mark.skipif(not SOAK, reason="make soak")
class TestOnARaspberryPi(TestI2c):
    """At 100 kHz, with the Pi's own controller, which reads a byte wrong that comes late."""

    baudrate = 100_000
    controller = "pi"
    patience = 8
