"""I2C keeps the contract: a computer as controller, through the real smbus2, of a board."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from link_contract import LinkContract

from picolink.sim import VirtualBoard, World
from picolink.sim.i2c.faults import I2cFaults

CPYTHON_ONLY = "virtual boards"


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
