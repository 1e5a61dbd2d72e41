"""TCP keeps the contract over the simulated radio: the node looks after its Wi-Fi, the access point
goes away at any byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from both import SEED
from link_contract import LinkContract

from picosim import VirtualBoard, WifiFaults, World

CPYTHON_ONLY = "virtual boards"


class TestWifi(LinkContract):
    links = ("tcp-listen::5263",)
    groups = ("usb", "tcp", "uart", "wifi")
    wifi = ("contract", "password")

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls) -> Iterator[World]:
        with World(seed=SEED) as world:
            quick = WifiFaults(join_s=0.02, lease_s=0.02, notice_s=0.02)
            world.access_point("contract", "password", faults=quick)
            yield world

    def address(self, board: VirtualBoard) -> str:
        board.radio.wait_joined()
        return f"tcp:{board.address}"

    def cut(self, board: VirtualBoard) -> None:
        (lab,) = board.world.access_points
        lab.off()
        different = board.world.air.different
        with different:
            assert different.wait_for(lambda: not board.radio.interfaces(), 5)
        lab.on()
        board.radio.wait_joined(15)
